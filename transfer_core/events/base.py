"""What every event is."""

from __future__ import annotations


class Event:
    """Something happened that whoever watches may want to know. Subclasses are frozen and whole."""

    __slots__ = ()
