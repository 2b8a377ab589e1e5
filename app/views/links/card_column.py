"""The cards of the Links page below each other, one for each link that is used, in a column that scrolls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from app.views.links.link_card import LinkCard
from app.views.page import empty_label
from app.widgets.look import Look
from transfer_core.events import LinkView


class CardColumn(QScrollArea):
    """Cards are kept while their link is there; a page that drew on them draws all anew once `set_links` is true."""

    hovered = Signal(object)  # seconds before the newest moment, or None
    mark_clicked = Signal(object)  # LinkMark

    def __init__(self, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look = look
        self._cards: dict[str, LinkCard] = {}
        self._is_frozen = False
        column = QWidget()
        self._rows = QVBoxLayout(column)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.setSpacing(6)
        self._empty = empty_label(
            "No link yet. Plug in a cable, or switch Wi-Fi or a modem on: a link is found by itself."
        )
        self._rows.addWidget(self._empty)
        self.setWidget(column)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    @property
    def cards(self) -> Mapping[str, LinkCard]:
        """By the name of their link, from the top."""
        return self._cards

    def set_links(self, used: Sequence[tuple[int, LinkView]]) -> bool:
        """These links, each with its place in the order of all; whether that makes other cards."""
        self._empty.setVisible(not used)
        if [link.name for _, link in used] == list(self._cards):
            return False
        kept, self._cards = self._cards, {}
        for row, (place, link) in enumerate(used):
            card = kept.pop(link.name, None)
            if card is None:
                card = LinkCard(self._look, place)
                card.plot.hovered.connect(self.hovered)
                card.plot.mark_clicked.connect(self.mark_clicked)
            else:
                card.apply_look(self._look, place)
                self._rows.removeWidget(card)
            card.set_frozen(self._is_frozen)
            self._rows.insertWidget(row, card, 1)
            self._cards[link.name] = card
        for card in kept.values():
            self._rows.removeWidget(card)
            card.deleteLater()
        return True

    def set_frozen(self, frozen: bool) -> None:
        """Frame the cards as what stands still, or as what is live."""
        self._is_frozen = frozen
        for card in self._cards.values():
            card.set_frozen(frozen)

    def show_cursor(self, x_s: float | None) -> None:
        """Read all lanes of all links there."""
        for card in self._cards.values():
            card.show_cursor(x_s)

    def bring_into_view(self, link: str) -> None:
        """Scroll to the card of that link, if it has one."""
        if link in self._cards:
            self.ensureWidgetVisible(self._cards[link])

    def apply_look(self, look: Look) -> None:
        """Take over another theme."""
        self._look = look
        for card in self._cards.values():
            card.apply_look(look)
