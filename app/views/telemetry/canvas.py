"""The Telemetry page's picture as it follows the feed, or is held while the data goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from app.models.telemetry_channels import with_derived
from app.models.telemetry_feed import TelemetryFeed
from app.models.telemetry_rings import TelemetryRing
from app.views.telemetry.picture import Moment, Picture
from app.views.telemetry.tools import SPAN_FIRST_S
from transfer_core.events.telemetry import ChannelView, MarkerView, SourceView
from transfer_core.units import NS_PER_S


@dataclass(frozen=True, slots=True)
class Held:
    """What a picture that stands still is drawn from."""

    rings: dict[str, TelemetryRing]
    sources: tuple[SourceView, ...]
    moment: Moment


class Canvas:
    """`chosen` names the channels to draw, `markers` the moments of the replay."""

    def __init__(
        self,
        feed: TelemetryFeed,
        picture: Picture,
        chosen: Callable[[], Sequence[str]],
        markers: Callable[[], Sequence[MarkerView]],
    ) -> None:
        self._feed, self._picture, self._chosen, self._markers = feed, picture, chosen, markers
        self._known: dict[str, ChannelView] = {}
        self._held: Held | None = None
        self.span_s = SPAN_FIRST_S

    @property
    def is_held(self) -> bool:
        """Whether it stands still."""
        return self._held is not None

    def note_channels(self) -> list[ChannelView]:
        """What can be drawn now, after the feed has told of its sources."""
        self._known = {}
        for channels in self._feed.channels.values():
            self._known.update((channel.name, channel) for channel in with_derived(channels))
        return list(self._known.values())

    def _lanes(self) -> list[ChannelView]:
        return [self._known[name] for name in self._chosen() if name in self._known]

    def _moment(self) -> Moment | None:
        end_ns = self._feed.end_ns()
        if end_ns is None:
            return None
        replay = self._feed.replay
        text = "now" if replay is None else "replay"
        marks = tuple(mark.time_ns / NS_PER_S for mark in self._markers())
        return Moment(end_ns / NS_PER_S, self.span_s, text, replay is None, marks)

    def draw(self) -> bool:
        """Draw a frame of what has come; held, all stays. False if nothing has come yet."""
        if self._held is not None:
            return True
        moment = self._moment()
        if moment is None:
            return False
        self._picture.draw(self._feed.rings, self._feed.sources, self._lanes(), moment)
        self._feed.close_up = self._picture.close_up
        return True

    def fill_table(self, now_ns: int) -> None:
        """The same in text."""
        shown = self._held
        moment = self._moment() if shown is None else shown.moment
        if moment is not None:
            rings, sources = (self._feed.rings, self._feed.sources) if shown is None else (shown.rings, shown.sources)
            self._picture.fill_table(rings, sources, self._lanes(), moment, now_ns)

    def hold(self) -> bool:
        """Let it stand still; False if there is nothing to hold."""
        moment = self._moment()
        if moment is None:
            return False
        copies = {source: ring.copy() for source, ring in self._feed.rings.items()}
        self._held = Held(copies, self._feed.sources, replace(moment, end_text=f"{moment.end_text}, FROZEN"))
        self.redraw_held()
        return True

    def release(self) -> None:
        """Follow the feed again."""
        self._held = None

    def show_span(self, span_s: float) -> None:
        """Show so many seconds."""
        self.span_s = span_s
        self.redraw_held()

    def redraw_held(self) -> None:
        """Draw what is held, which looks or stretches otherwise now."""
        if self._held is not None:
            self._held = replace(self._held, moment=replace(self._held.moment, span_s=self.span_s))
            self._picture.draw(self._held.rings, self._held.sources, self._lanes(), self._held.moment)
