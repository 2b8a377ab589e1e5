"""Draws one moment of all links, a card at a time.

A frame of four cards takes tens of milliseconds when other threads want the interpreter too. Drawn card by card, with
a turn of the event loop between them, it never keeps a click or a key waiting for longer than one card. All cards of
a frame show the same moment on the same scales.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from app.models.sample_rings import SampleRings, Window
from app.views.links.link_card import LinkCard
from app.views.links.link_plot import Frame
from app.views.links.scales import Ratchet
from transfer_core.events import LinkMark
from transfer_core.units import NS_PER_S

RTT_SHARE = 99.5  # the percentile that the scale shows; what lies above is ticked at the top


@dataclass(frozen=True, slots=True)
class Moment:
    """What there is to draw."""

    rings: SampleRings
    marks: tuple[LinkMark, ...]
    end_ns: int
    span_s: float


class FrameDrawer:
    """Keeps the scales from frame to frame, and the cards that the present frame still lacks."""

    def __init__(self) -> None:
        self._throughput_scale = Ratchet(1e6)
        self._rtt_scale = Ratchet(10.0)
        self._left: deque[tuple[LinkCard, Window, list[LinkMark]]] = deque()
        self._frame: Frame | None = None

    @property
    def is_done(self) -> bool:
        """Whether no card waits for the present frame."""
        return not self._left

    def reset(self) -> None:
        """Find the scales anew, and let the present frame go."""
        self._throughput_scale.reset()
        self._rtt_scale.reset()
        self._left.clear()

    def begin(self, cards: Mapping[str, LinkCard], moment: Moment) -> None:
        """Work out a frame; cards that can't be seen are left out."""
        end_s = moment.end_ns / NS_PER_S
        windows = {name: moment.rings[name].window(end_s - moment.span_s, end_s) for name in cards}
        self._frame = self._scaled(list(windows.values()), end_s, moment)
        self._left = deque(
            (card, windows[name], [mark for mark in moment.marks if mark.link == name])
            for name, card in cards.items()
            if not card.visibleRegion().isEmpty()
        )

    def draw_next(self, cursor_s: float | None) -> None:
        """Draw one more card of the present frame."""
        if self._left and self._frame is not None:
            card, window, marks = self._left.popleft()
            card.draw(window, marks, self._frame)
            if cursor_s is not None:
                card.show_cursor(cursor_s)

    def _scaled(self, windows: list[Window], end_s: float, moment: Moment) -> Frame:
        rates = [np.fmax.reduce(window.throughput_bps) for window in windows if len(window)]
        rtts = [window.rtt_p90_ms[np.isfinite(window.rtt_p90_ms)] for window in windows]
        rate = max((float(r) for r in rates if np.isfinite(r)), default=0.0)
        rtt = max((float(np.percentile(r, RTT_SHARE)) for r in rtts if len(r)), default=0.0)
        tops = self._throughput_scale.fit(rate, moment.end_ns), self._rtt_scale.fit(rtt, moment.end_ns)
        return Frame(end_s, moment.span_s, *tops)
