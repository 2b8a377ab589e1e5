"""The Links page's table twin: what the plots show, as text, for eyes that can't use a plot and for copying."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

from PySide6.QtCore import QObject

from app.figures import (
    DASH,
    age_text,
    is_lost,
    is_stale,
    is_unheard,
    mbit_text,
    ms_text,
    percent_text,
    score_text,
    shown_state,
    why_text,
)
from app.models.table_model import Heading, TableModel
from transfer_core.events import LinkState, LinkView


class LinkColumn(IntEnum):
    """The columns, left to right."""

    LINK = 0
    STATE = 1
    ROLE = 2
    RATE = 3
    RTT = 4
    SPREAD = 5
    JITTER = 6
    LOSS = 7
    SCORE = 8
    SCORE_RATE = 9
    SCORE_RTT = 10
    SCORE_LOSS = 11
    SCORE_STABILITY = 12
    AGE = 13


HEADINGS = (
    Heading("link", "The link, and its device"),
    Heading("state", "How it does, and why"),
    Heading("role", "Primary links work first, overflow when they are full, backup when they fail"),
    Heading("Mbit/s", "File data delivered per second", is_figure=True),
    Heading("RTT ms", "Round-trip time, median", is_figure=True),
    Heading("p10–p90", "Round-trip time, from the 10th to the 90th percentile, in ms", is_figure=True),
    Heading("jitter ms", "How much the round-trip time varies", is_figure=True),
    Heading("loss %", "Share of datagrams lost", is_figure=True),
    Heading("score", "0 to 1: the weighted sum of the four terms to the right", is_figure=True),
    Heading("by rate", "Throughput's term of the score, 0 to 1", is_figure=True),
    Heading("by RTT", "Round-trip time's term of the score, 0 to 1", is_figure=True),
    Heading("by loss", "Loss's term of the score, 0 to 1", is_figure=True),
    Heading("by stab.", "Stability's term of the score, 0 to 1", is_figure=True),
    Heading("measured", "How long ago a delivery last proved these figures", is_figure=True),
)


class LinksModel(TableModel):
    """One row a link, in the engine's fixed order. All text is made when a link changes."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(HEADINGS, parent)
        self._links: tuple[LinkView, ...] = ()
        self._texts: list[list[str]] = []
        self._stale: list[bool] = []
        self._states: list[LinkState] = []

    def show_links(self, links: Sequence[LinkView], now_ns: int) -> None:
        """Take these links over; only rows that differ are announced."""
        links = tuple(links)
        stale = [is_stale(link.measured_ns, now_ns) for link in links]
        changed = [row for row, each in enumerate(stale) if self._stale[row : row + 1] != [each]]
        self._stale = stale
        if [link.name for link in links] != [link.name for link in self._links]:
            self.beginResetModel()
            self._links = links
            self._states = [shown_state(link, now_ns) for link in links]
            self._texts = [_texts(link, now_ns) for link in links]
            self.endResetModel()
            return
        self._links = links
        self._states = [shown_state(link, now_ns) for link in links]
        for row, link in enumerate(links):
            texts = _texts(link, now_ns)
            if texts != self._texts[row] or row in changed:
                pairs = enumerate(zip(texts, self._texts[row], strict=True))
                first = LinkColumn.STATE if row in changed else next(i for i, (a, b) in pairs if a != b)
                self._texts[row] = texts
                self.tell_rows(row, row, first)

    def row_total(self) -> int:
        """Number of links."""
        return len(self._links)

    def text(self, row: int, column: int) -> str:
        """Made before."""
        return self._texts[row][column]

    def is_stale(self, row: int) -> bool:
        """Whether its figures say how it was rather than how it is."""
        return self._stale[row]

    def tip(self, row: int, column: int) -> str:
        """Why it does not do better."""
        return self._links[row].why

    def state(self, row: int) -> LinkState:
        """What its mark may show."""
        return self._states[row]

    def subject(self, row: int) -> LinkView:
        """The link."""
        return self._links[row]


def _texts(link: LinkView, now_ns: int) -> list[str]:
    name = f"{link.name} ({link.device})" if link.device and link.device != link.name else link.name
    colon = "" if link.state is LinkState.KILLED else ":"  # killed by you
    state = f"{link.state.value}{colon} {why_text(link)}" if link.why else link.state.value
    if is_unheard(link, now_ns):
        state = "no news"
    if is_lost(link.state, link.measured_ns, now_ns):
        figures = [DASH] * 10
    else:
        score = link.score
        spread = link.rtt_p10_ms is not None and link.rtt_p90_ms is not None
        figures = [
            mbit_text(link.throughput_bps),
            ms_text(link.rtt_ms),
            f"{ms_text(link.rtt_p10_ms)}–{ms_text(link.rtt_p90_ms)}" if spread else DASH,
            ms_text(link.jitter_ms),
            percent_text(link.loss),
            score_text(score.score if score else None),
            score_text(score.throughput if score else None),
            score_text(score.rtt if score else None),
            score_text(score.loss if score else None),
            score_text(score.stability if score else None),
        ]
    return [name, state, link.role, *figures, age_text(link.measured_ns, now_ns)]
