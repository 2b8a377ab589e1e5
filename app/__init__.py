"""The console: a window on a `TransferService`. Sees only the door of `transfer_core`.

application   composition root: service, workers, models, views
workers       the only Qt threads; events in, merged signals out
models        Qt item models over snapshots; QtCore only
views         the window shell and one folder per page
widgets       small parts that know no engine types
theme         tokens to palette and style sheet
"""
