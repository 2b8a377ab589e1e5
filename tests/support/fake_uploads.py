"""Destinations over HTTP in memory: what is asked for is written down in `calls`; `fail[verb]` is raised instead."""

from __future__ import annotations

from collections.abc import Callable

from transfer_core.events import DestinationView
from transfer_core.service import DestinationTest, NewDestination, UploadLimits


class FakeUploads:
    """`tell` is given each destination that is added."""

    def __init__(self, tell: Callable[[DestinationView], None] = lambda _: None) -> None:
        self.calls: list[tuple[object, ...]] = []
        self.fail: dict[str, Exception] = {}
        self.kept = UploadLimits(all_bps=20e6, timetable=tuple([5e6] * 10 + [0.0] * 8 + [None] * 150))
        self.test = DestinationTest(True, "tus", "5G", 41.0)
        self.tell = tell

    def _note(self, verb: str, *arguments: object) -> None:
        self.calls.append((verb, *arguments))
        if verb in self.fail:
            raise self.fail[verb]

    def called(self, verb: str) -> list[tuple[object, ...]]:
        """The arguments of each call of that verb."""
        return [call[1:] for call in self.calls if call[0] == verb]

    def add_destination(self, new: NewDestination) -> DestinationView:
        self._note("add_destination", new)
        view = DestinationView(new.name, new.kind or "tus", (new.url,), None)
        self.tell(view)
        return view

    def test_destination(self, new: NewDestination) -> DestinationTest:
        self._note("test_destination", new)
        return self.test

    def test_known(self, name: str) -> DestinationTest:
        self._note("test_known", name)
        return self.test

    def retry_failed(self, destination: str = "") -> int:
        self._note("retry_failed", destination)
        return 1

    def limits(self) -> UploadLimits:
        self._note("limits")
        return self.kept

    def change_limits(self, limits: UploadLimits) -> None:
        self._note("change_limits", limits)
        self.kept = limits
