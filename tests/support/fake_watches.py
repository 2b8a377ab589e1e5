"""Watched folders in memory: what is asked for is written down in `calls`; `fail[verb]` is raised instead."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from transfer_core.errors import NotFoundError
from transfer_core.events import Event
from transfer_core.events.watches import TriggerRun, WatchesChanged, WatchSpec, WatchState, WatchView


def demo_watches() -> tuple[WatchView, ...]:
    """One of each state."""

    def view(number: int, state: WatchState, **values: object) -> WatchView:
        name = f"camera{number:02d}"
        spec = WatchSpec(name, f"/data/ring/{name}", "factory", pattern="*.jpg", dest_path=f"race/{name}")
        newest = f"/data/ring/{name}/frame_{name}_000046836.jpg"
        return replace(WatchView(spec, state, online=True, newest_frame=newest), **values)  # type: ignore[arg-type]

    going = {"frames_in": 46_836, "frames_out": 46_830, "fps_in": 30.0, "fps_out": 29.5}
    return (
        view(1, WatchState.WATCHING, **going, backlog=6, backlog_bytes=9_000_000,
             latency_p50_ms=22.0, latency_p99_ms=74.0),
        view(2, WatchState.WATCHING, **going, errors=1, frames_failed=1,
             error="E_SOURCE_MISSING: frame_camera02_000000007.jpg is gone. Put the file back and retry."),
        view(3, WatchState.WAITING, why="/data/ring/camera03 can't be watched: No such file or directory", errors=1),
        view(4, WatchState.PAUSED, frames_in=900, frames_out=900),
        view(5, WatchState.ARMED, run=""),
        view(6, WatchState.WATCHING, **going, held="frame_camera06_000046836.jpg has been open for 61 s"),
        view(7, WatchState.ENDED, frames_in=799, frames_out=799),
    )  # fmt: skip


class FakeWatches:
    """Every change is told by `tell`, as the real one tells it."""

    def __init__(self, views: Sequence[WatchView] = (), tell: Callable[[Event], None] = lambda _: None) -> None:
        self.by_name = {view.spec.name: view for view in views}
        self.calls: list[tuple[object, ...]] = []
        self.fail: dict[str, Exception] = {}
        self.tell = tell
        self.through = True

    def _note(self, verb: str, *arguments: object) -> None:
        self.calls.append((verb, *arguments))
        if verb in self.fail:
            raise self.fail[verb]

    def _changed(self) -> None:
        self.tell(WatchesChanged(tuple(self.views())))

    def add(self, spec: WatchSpec) -> WatchView:
        self._note("add", spec)
        self.by_name[spec.name] = WatchView(spec, WatchState.WATCHING)
        self._changed()
        return self.by_name[spec.name]

    def import_cameras(self, text: str, settings: WatchSpec) -> Sequence[WatchView]:
        self._note("import_cameras", text, settings)
        return [self.add(replace(settings, name=name, directory=f"/data/{name}")) for name in ("camera08", "camera09")]

    def import_file(self, path: str, settings: WatchSpec) -> Sequence[WatchView]:
        return self.import_cameras(path, settings)

    def views(self) -> Sequence[WatchView]:
        return [view for _, view in sorted(self.by_name.items())]

    def pause(self, name: str) -> None:
        self._switch("pause", name, WatchState.PAUSED)

    def resume(self, name: str) -> None:
        self._switch("resume", name, WatchState.WATCHING)

    def _switch(self, verb: str, name: str, state: WatchState) -> None:
        self._note(verb, name)
        if name not in self.by_name:
            raise NotFoundError(f"there is no watch {name!r}")
        self.by_name[name] = replace(self.by_name[name], state=state)
        self._changed()

    def remove(self, name: str) -> None:
        self._note("remove", name)
        self.removed = self.by_name.pop(name)
        self._changed()

    def restore(self, name: str) -> None:
        self._note("restore", name)
        self.by_name[name] = self.removed
        self._changed()

    def rescan(self, name: str) -> None:
        self._note("rescan", name)

    def trigger(self, frame_id: str, ball_id: str = "") -> TriggerRun:
        self._note("trigger", frame_id, ball_id)
        return TriggerRun("run-1", frame_id, ball_id, "camera01", ("camera01", "camera02"), f"{ball_id}/camera01")

    def is_through(self) -> bool:
        return self.through
