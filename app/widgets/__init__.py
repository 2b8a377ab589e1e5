"""Painted parts that pages share: status shapes, link tiles, sparks, the event ticker.

May import the theme's tokens, `app.figures` and the frozen views of `transfer_core.events`; nothing else.
"""
