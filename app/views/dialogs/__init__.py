"""Dialogs that belong to no one page: pairing, errors, keys, about. May import: app.actions, app.widgets, the door."""
