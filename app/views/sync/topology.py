"""Who is connected: this machine, its links with their rates, relays, who edits beyond them, who is near."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.figures import mbit_text, ms_text, was_text
from app.widgets.look import Look
from app.widgets.status_shape import LINK_SHAPES, Shape, link_colour, paint_shape
from transfer_core.events import LinkState, LinkView
from transfer_core.events.sync import SyncFolderView

BOX_WIDE, BOX_PAD = 190, 8
_DELIVERS = (LinkState.UP, LinkState.DEGRADED, LinkState.RETURNING)
DIRECT = "direct"  # as `SyncPeerView.way` says it


class Topology(QWidget):
    """Painted: machine at the left, with those that it reaches directly below it, links as lines, relays in the middle,
    other machines at the right."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self._folders: tuple[SyncFolderView, ...] = ()
        self._links: tuple[LinkView, ...] = ()
        self._colours: dict[str, int] = {}
        self._others: dict[str, tuple[str, ...]] = {}
        self._is_heard = True
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Topology")

    def sizeHint(self) -> QSize:
        """Some room."""
        return QSize(800, 320)

    def apply_look(self, look: Look) -> None:
        """Take over another theme."""
        self._look = look
        self.update()

    def show_state(
        self,
        folders: Sequence[SyncFolderView],
        links: Sequence[LinkView],
        colours: dict[str, int],
        others: dict[str, tuple[str, ...]],
        *,
        is_heard: bool = True,
    ) -> None:
        """`colours` are the links' places; `others` the machines by relay whose edits came from there.

        Of an engine that is not heard of it shows who was connected, and no figures.
        """
        seen = tuple(each for each in links if each.state is not LinkState.UNUSED)
        fresh = (tuple(folders), seen, colours, others, is_heard)
        if fresh != (self._folders, self._links, self._colours, self._others, self._is_heard):
            self._folders, self._links, self._colours, self._others, self._is_heard = fresh
            self.setAccessibleDescription(self.text())
            self.update()

    def text(self) -> str:
        """The same in words."""
        lines = [self._link_words(each) for each in self._links]
        for relay, folders in self._relays().items():
            names = ", ".join(folder.name for folder in folders)
            lines.append(f"{relay}: {self._answers(folders)}, {names}")
            lines += [f"{name}: through {relay}" for name in self._beyond(relay, folders)]
        lines += [f"{name}: direct" for name in self._direct()]
        return "; ".join(lines) or "nobody is connected"

    def _relays(self) -> dict[str, list[SyncFolderView]]:
        relays: dict[str, list[SyncFolderView]] = {}
        for folder in self._folders:
            relays.setdefault(folder.relay or "this relay", []).append(folder)
        return relays

    def _answers(self, folders: Sequence[SyncFolderView]) -> str:
        return was_text("online" if _is_online(folders) else "offline", is_heard=self._is_heard)

    def _link_words(self, link: LinkView) -> str:
        if not self._is_heard:
            return f"{link.name}: {was_text(link.state.value, is_heard=link.state not in _DELIVERS)}"
        return f"{link.name}: {link.state.value}, {mbit_text(link.throughput_bps)} Mbit/s"

    def _direct(self) -> list[str]:
        """Machines that are reached without a relay."""
        peers = (peer for folder in self._folders for peer in folder.peers)
        return sorted({peer.name for peer in peers if peer.way == DIRECT and peer.online})

    def _beyond(self, relay: str, folders: Sequence[SyncFolderView]) -> tuple[str, ...]:
        """Machines that are reached through a relay, as far as is known."""
        told = {peer.name for folder in folders for peer in folder.peers if peer.way not in ("", DIRECT)}
        return tuple(sorted((told | set(self._others.get(relay, ()))) - set(self._direct())))

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), self._look.card)
        relays = self._relays()
        middle = self.height() / 2
        here = QRectF(16, middle - 36, BOX_WIDE, 72)
        step = self.height() / (len(relays) + 1)
        for number, (name, folders) in enumerate(relays.items(), 1):
            box = QRectF((self.width() - BOX_WIDE) * 0.56, step * number - 36, BOX_WIDE, 72)
            self._draw_links(painter, here, box, _is_online(folders))
            self._draw_others(painter, box, self._beyond(name, folders))
            held = ", ".join(folder.name for folder in folders)
            is_there = self._is_heard and _is_online(folders)
            self._draw_box(painter, box, name, self._answers(folders), held, is_there=is_there)
        count = len(self._folders)
        held = "1 shared folder" if count == 1 else f"{count} shared folders"
        self._draw_box(painter, here, "this machine", held, "")
        self._draw_direct(painter, here)
        painter.end()

    def _draw_direct(self, painter: QPainter, here: QRectF) -> None:
        """Below this machine: who is reached without a relay."""
        look, small = self._look, QFontMetrics(self._look.small)
        step = small.height() + 10.0
        room = int((self.height() - here.bottom() - 8) / step)
        for number, name in enumerate(self._direct()[: max(0, room)], 1):
            y, x = here.bottom() + step * number, here.left() + 40
            painter.setPen(QPen(look.text, 1))
            painter.drawLine(QPointF(here.left() + 20, here.bottom()), QPointF(here.left() + 20, y))
            painter.drawLine(QPointF(here.left() + 20, y), QPointF(x, y))
            paint_shape(painter, Shape.RING, QRectF(x, y - 5, 10, 10), look.text)
            painter.setFont(look.small)
            words = small.elidedText(f"{name}  direct", Qt.TextElideMode.ElideRight, BOX_WIDE + 60)
            painter.drawText(QPointF(x + 16, y + small.ascent() / 2 - 1), words)

    def _draw_box(
        self, painter: QPainter, box: QRectF, name: str, state: str, more: str, *, is_there: bool = True
    ) -> None:
        look = self._look
        painter.setPen(QPen(look.border if is_there else look.muted, 1, _style(is_there=is_there)))
        painter.setBrush(look.window)
        painter.drawRoundedRect(box, 5, 5)
        inner = box.adjusted(BOX_PAD, BOX_PAD - 2, -BOX_PAD, -BOX_PAD + 2)
        y = inner.top()
        for font, pen, text in (
            (look.strong, look.text, name),
            (look.small, look.muted, state),
            (look.small, look.text, more),
        ):
            metrics = QFontMetrics(font)
            painter.setFont(font)
            painter.setPen(pen)
            words = metrics.elidedText(text, Qt.TextElideMode.ElideRight, int(inner.width()))
            painter.drawText(QPointF(inner.left(), y + metrics.ascent()), words)
            y += metrics.height() + 2

    def _draw_links(self, painter: QPainter, here: QRectF, box: QRectF, online: bool) -> None:
        look = self._look
        links = self._links or ()
        if not links:
            painter.setPen(QPen(look.muted, 1, _style(is_there=online and self._is_heard)))
            painter.drawLine(QPointF(here.right(), here.center().y()), QPointF(box.left(), box.center().y()))
            return
        spread = min(46.0, (self.height() - 60) / max(1, len(links)))
        small = QFontMetrics(look.small)
        for number, link in enumerate(links):
            shift = (number - (len(links) - 1) / 2) * spread
            start = QPointF(here.right(), here.center().y() + shift / 4)
            end = QPointF(box.left(), box.center().y() + shift / 4)
            bend = QPointF((start.x() + end.x()) / 2, (start.y() + end.y()) / 2 + shift)
            delivers = link.state in _DELIVERS
            carries = online and delivers and self._is_heard
            shown = LinkState.IDLE if delivers and not self._is_heard else link.state
            painter.setPen(
                QPen(
                    look.link(self._colours.get(link.name, number)),
                    2 if carries else 1,
                    _style(is_there=carries),
                )
            )
            painter.drawLine(start, bend)
            painter.drawLine(bend, end)
            words = f"{link.name}  {mbit_text(link.throughput_bps)} Mbit/s  {ms_text(link.rtt_ms)} ms"
            if not carries:
                state = was_text(link.state.value, is_heard=not delivers or self._is_heard)
                words = f"{link.name}  {state if online else 'no answer'}"
            wide = small.horizontalAdvance(words) + 26
            tag = QRectF(bend.x() - wide / 2, bend.y() - small.height() / 2 - 2, wide, small.height() + 4)
            painter.fillRect(tag, look.card)
            paint_shape(
                painter,
                LINK_SHAPES[shown],
                QRectF(tag.left() + 3, tag.center().y() - 5, 10, 10),
                link_colour(shown, look),
            )
            painter.setFont(look.small)
            painter.setPen(look.text)
            painter.drawText(tag.adjusted(18, 0, 0, 0), int(Qt.AlignmentFlag.AlignVCenter), words)

    def _draw_others(self, painter: QPainter, box: QRectF, others: tuple[str, ...]) -> None:
        look = self._look
        if not others:
            return
        small = QFontMetrics(look.small)
        shown = others[:8]
        step = min(30.0, self.height() / (len(shown) + 1))
        for number, name in enumerate(shown):
            y = box.center().y() + (number - (len(shown) - 1) / 2) * step
            x = box.right() + 60
            painter.setPen(QPen(look.muted, 1))
            painter.drawLine(QPointF(box.right(), box.center().y()), QPointF(x, y))
            paint_shape(painter, Shape.RING, QRectF(x, y - 5, 10, 10), look.muted)
            painter.setFont(look.small)
            painter.setPen(look.text)
            room = max(20, int(self.width() - x - 24))
            painter.drawText(
                QPointF(x + 16, y + small.ascent() / 2 - 1), small.elidedText(name, Qt.TextElideMode.ElideRight, room)
            )


def _is_online(folders: Sequence[SyncFolderView]) -> bool:
    """Whether the relay answers."""
    return any(peer.online for folder in folders for peer in folder.peers if not peer.way)


def _style(*, is_there: bool) -> Qt.PenStyle:
    return Qt.PenStyle.SolidLine if is_there else Qt.PenStyle.DashLine
