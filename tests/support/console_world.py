"""What the console's pages stand on, for tests: a state with a clock moved by hand, and two plain themes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage

from transfer_core.events import (
    EngineView,
    JobState,
    JobView,
    LinkKind,
    LinkMark,
    LinkSample,
    LinkScore,
    LinkState,
    LinkView,
    Notice,
    Severity,
)
from transfer_core.units import NS_PER_S

START_NS = 5_000 * NS_PER_S
TENTH_NS = NS_PER_S // 10


class HandState(QObject):
    """The signals and properties of the console's state, with time that moves only when told to."""

    jobs_changed = Signal(object)
    links_changed = Signal(object)
    samples_arrived = Signal(object)
    link_marked = Signal(object)
    engine_changed = Signal(object)
    noticed = Signal(object)
    engine_lost = Signal(object)
    engine_found = Signal(object)
    engine_silent = Signal(bool)
    heard_changed = Signal(bool)
    is_heard = True

    def __init__(self) -> None:
        super().__init__()
        self.jobs: tuple[JobView, ...] = ()
        self.links: tuple[LinkView, ...] = ()
        self.engine: EngineView | None = None
        self._now_ns = START_NS

    def now_ns(self) -> int:
        return self._now_ns

    def pass_time(self, seconds: float) -> None:
        self._now_ns += round(seconds * NS_PER_S)

    def set_links(self, *links: LinkView) -> None:
        self.links = links
        self.links_changed.emit(links)

    def change_link(self, name: str, **changes: object) -> None:
        self.set_links(*(replace(link, **changes) if link.name == name else link for link in self.links))

    def sample(
        self,
        link: str,
        *,
        rate_bps: float | None = 50e6,
        rtt_ms: float | None = 20.0,
        loss: float = 0.01,
        sure_loss: float = 0.01,
    ) -> None:
        low, high = (None, None) if rtt_ms is None else (rtt_ms * 0.8, rtt_ms * 1.4)
        self.samples_arrived.emit((LinkSample(link, self._now_ns, rate_bps, rtt_ms, low, high, loss, sure_loss),))

    def run(self, seconds: float, *links: str) -> None:
        for _ in range(round(seconds * 10)):
            self._now_ns += TENTH_NS
            for link in links:
                self.sample(link)

    def mark(self, link: str, what: str) -> None:
        self.link_marked.emit(LinkMark(link, self._now_ns, "2026-11-21T14:31:55.250Z", what, f"{link} {what}"))


def link_view(name: str, state: LinkState = LinkState.UP, **changes: object) -> LinkView:
    view = LinkView(
        name,
        LinkKind.CELLULAR,
        f"dev-{name}",
        state,
        throughput_bps=78.4e6,
        rtt_ms=17.0,
        rtt_p10_ms=15.0,
        rtt_p90_ms=22.0,
        jitter_ms=2.3,
        loss=0.011,
        score=LinkScore(0.81, 0.78, 0.91, 0.94, 0.72),
        measured_ns=START_NS,
        since_ns=START_NS,
    )
    return replace(view, **changes)


def job_view(number: int, status: JobState = JobState.COMPLETED, **changes: object) -> JobView:
    job = JobView(
        f"id{number}",
        f"/data/stint{number}.mcap",
        100_000_000,
        5,
        float(number),
        status,
        "factory",
        "",
        attempts=1,
        completed_at=f"2026-11-21T14:{number // 60 % 60:02d}:{number % 60:02d}.250Z",
        duration_s=10.0,
        links={"wifi": 60_000_000, "lte": 40_000_000},
    )
    return replace(job, **changes)


def notice(text: str, severity: Severity = Severity.INFO, **changes: str) -> Notice:
    return replace(Notice("2026-11-21T14:31:55.250Z", severity, "link", text), **changes)


@dataclass(frozen=True)
class PlainTokens:
    window: str = "#1b1e23"
    chrome: str = "#22262c"
    card: str = "#262b32"
    border: str = "#3a4049"
    grid: str = "#333942"
    text: str = "#e8eaed"
    muted: str = "#98a0ab"
    focus: str = "#6aa9ff"
    good: str = "#5c9f68"
    caution: str = "#e0a030"
    serious: str = "#f07820"
    critical: str = "#e04848"
    band: str = "#4a5360"
    link_colours: tuple[str, ...] = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")
    font_family: str = "DejaVu Sans"
    text_px: int = 13
    small_px: int = 11
    big_px: int = 22
    gap_px: int = 8
    line_px: int = 1


SUN = PlainTokens(
    window="#ffffff", card="#fefefe", border="#000000", grid="#b0b0b0", text="#000001", muted="#262626",
    caution="#7a4a00", text_px=16, small_px=14, big_px=28, line_px=2,
)  # fmt: skip


class PlainTheme(QObject):
    """A theme that can be switched."""

    changed = Signal()

    def __init__(self, tokens: PlainTokens | None = None) -> None:
        super().__init__()
        self.tokens = tokens or PlainTokens()

    def switch(self, tokens: PlainTokens) -> None:
        self.tokens = tokens
        self.changed.emit()


def colours_in(widget) -> set[str]:
    """All colours of a widget as it looks now, written as the theme's tokens are."""
    image = widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    return {f"#{int(pixel) & 0xFFFFFF:06x}" for pixel in np.unique(np.frombuffer(image.constBits(), np.uint32))}
