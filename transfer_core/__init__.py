"""The transfer engine, its queue, its links and its relay. No Qt anywhere below here.

Rooms, from the top down; imports run downward only:

    cli server  ->  service engine  ->  links jobs upload ingest sync telemetry  ->  net storage
                ->  protocol manifest sim  ->  errors events config units clock entropy

The console (`app/`) sees only the door: `service events config errors units`.
"""
