"""One frame a tick for all viewers of a race, whoever they are and however fast.

Theory of operation. A channel makes its frame once a tick while anybody watches, and keeps only the newest: a viewer
takes that when it is ready for the next one. So a slow viewer loses frames, and costs nobody else anything; what is
recorded has another way altogether.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from transfer_core.errors import NotFoundError
from transfer_core.telemetry import frames
from transfer_core.telemetry.feed import Newest

TICK_S = 0.02
RATE_MAX_HZ = 1 / TICK_S
RATE_DEFAULT_HZ = 30.0


@dataclass(frozen=True, slots=True)
class Tick:
    """A frame, the layout message that it needs, and how often there was something to forget by then."""

    sequence: int
    layout: int
    layout_text: str
    restarts: int
    frame: bytes

    def frame_after(self, before: Tick | None) -> bytes:
        """For a viewer that got this one before, and none between the two."""
        is_news = before is not None and before.restarts != self.restarts
        return frames.restarted(self.frame) if is_news else self.frame


class Channel:
    """One race, or one replay. Lives in the event loop; `look` is called there and must be quick."""

    def __init__(self, mode: str, look: Callable[[], Sequence[Newest]], names: Callable[[], dict[str, str]]) -> None:
        self._mode, self._look, self._names = mode, look, names
        self._changed = asyncio.Condition()
        self._viewers = 0
        self._ticking: asyncio.Task[None] | None = None
        self._tick: Tick | None = None
        self._sequence = 0
        self._layout = 0
        self._told: tuple[object, ...] = ()
        self._layout_text = ""
        self._shown: dict[tuple[str, str], tuple[int, int, int]] = {}
        self._generations: dict[tuple[str, str], int] = {}  # what was last shown, though nothing may be there now
        self._restarts = 0
        self.is_over = False
        self._fault: Exception | None = None

    @property
    def viewers(self) -> int:
        """How many watch."""
        return self._viewers

    def enter(self) -> None:
        """Somebody watches."""
        self._viewers += 1
        if self._ticking is None:
            self._ticking = asyncio.create_task(self._tick_on())

    def leave(self) -> None:
        """Somebody has gone."""
        self._viewers -= 1
        if not self._viewers and self._ticking is not None:
            self._ticking.cancel()
            self._ticking = None

    async def end(self) -> None:
        """The race or the replay is no more; viewers are told."""
        async with self._changed:
            self.is_over = True
            self._changed.notify_all()

    async def newer_than(self, sequence: int) -> Tick | None:
        """The newest tick, waiting for one after that number; None when it is over. A fault is raised."""
        async with self._changed:
            await self._changed.wait_for(
                lambda: (
                    self._fault is not None
                    or self.is_over
                    or (self._tick is not None and self._tick.sequence > sequence)
                )
            )
            if self._fault is not None:
                raise self._fault
            return None if self.is_over else self._tick

    async def _tick_on(self) -> None:
        try:
            await self._tick_until_cancelled()
        except NotFoundError:
            await self.end()  # the replay was closed by others
        except Exception as error:  # noqa: BLE001 - raised by the task of every viewer, who would wait for ever
            async with self._changed:
                self._fault = error
                self._changed.notify_all()

    async def _tick_until_cancelled(self) -> None:
        clock = asyncio.get_running_loop().time
        due = clock()
        while True:
            made = self._make()
            if made is not None:
                async with self._changed:
                    self._tick = made
                    self._changed.notify_all()
            due = max(due + TICK_S, clock())
            await asyncio.sleep(due - clock())

    def _make(self) -> Tick | None:
        """A frame, if there is news."""
        newest = self._look()
        shown = {
            (each.source_id, each.kind): (each.rows.end, each.generation, each.stale | each.over << 1)
            for each in newest
        }
        if shown == self._shown and self._tick is not None:
            return None
        self._shown = shown
        self._note_restart({key: generation for key, (_, generation, _) in shown.items()})
        self._note_layout(newest)
        self._sequence += 1
        flags = frames.REPLAY if self._mode == "replay" else 0
        rows = tuple(
            frames.FrameRow(
                place,
                (frames.STALE if each.stale else 0) | (frames.OVER if each.over else 0),
                int(each.rows.run[-1]),
                int(each.rows.time_ns[-1]),
                each.rows.values[-1],
            )
            for place, each in enumerate(newest[: frames.ROWS_MAX])
        )
        time_ns = max((row.time_ns for row in rows), default=0)
        frame = frames.encode_frame(frames.Frame(flags, self._sequence, self._layout, time_ns, rows))
        return Tick(self._sequence, self._layout, self._layout_text, self._restarts, frame)

    def _note_restart(self, generations: dict[tuple[str, str], int]) -> None:
        before = self._generations
        if any(before.get(key, generation) != generation for key, generation in generations.items()):
            self._restarts += 1
        if generations:
            self._generations = generations

    def _note_layout(self, newest: Sequence[Newest]) -> None:
        names = self._names()
        told = tuple((each.source_id, each.kind, each.channels, names.get(each.source_id, "")) for each in newest)
        if told == self._told and self._layout:
            return
        self._told = told
        self._layout += 1
        sources = [
            {"source": source, "kind": kind, "pilot": pilot, "channels": channels}
            for source, kind, channels, pilot in told
        ]
        message = {"type": "layout", "layout": self._layout, "mode": self._mode, "sources": sources}
        self._layout_text = json.dumps(message)
