"""One link at a glance: who it is, how it does, how old that knowledge is, and the switch that kills or restores it.

The tile is painted, since ten labels a link cost more than they give; what it shows is also its accessible
description. Figures are live, then dim and hatched when stale, then a dash when lost. A click on Kill shows
"Killing…" at once; when the link isn't confirmed as killed within a second, the tile says so in amber and offers the
button again.
"""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, QPoint, QSize, Qt, Signal
from PySide6.QtGui import QContextMenuEvent, QFocusEvent, QKeyEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QPushButton, QSizePolicy, QWidget

from app.figures import (
    DASH,
    age_text,
    has_answered,
    is_lost,
    is_short,
    is_stale,
    is_unheard,
    limits_text,
    mbit_text,
    ms_text,
    percent_text,
    plain_tip,
    plan_text,
    shown_state,
    since_text,
    span_text,
)
from app.widgets.look import Look
from app.widgets.spark_line import Spark
from app.widgets.tile_face import SPARK_HEIGHT, Face, FacePainter, paint_ground
from transfer_core.events import LinkState, LinkView
from transfer_core.units import NS_PER_S, format_duration

CONFIRM_NS = NS_PER_S  # a command should be confirmed by then
FORGET_NS = 10 * NS_PER_S  # and is no longer waited for after this
SPARK_S = 60.0


@dataclass(frozen=True, slots=True)
class _Asked:
    """A command on its way: what was asked and when."""

    kill: bool
    at_ns: int


class LinkTile(QWidget):
    """A tile of the link strip. `show_link` and `tick` bring the data; signals carry the person's wish."""

    kill_requested = Signal(str)
    restore_requested = Signal(str)
    menu_requested = Signal(str, QPoint)  # link, global position

    def __init__(self, look: Look, *, place: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look = look
        self._place = place
        self._key = place + 1
        self._link: LinkView | None = None
        self._now_ns = 0
        self._asked: _Asked | None = None
        self._face: Face | None = None
        self._compact = False
        self._painter = FacePainter(look)
        self._spark: Spark | None = None
        self._last_rate = DASH
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.switch = QPushButton(self)
        self.switch.setObjectName("linkSwitch")
        self.switch.setAutoDefault(False)
        self.switch.setDefault(False)
        self.switch.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.switch.clicked.connect(self.ask_switch)
        self.switch.installEventFilter(self)
        self.apply_look(look)

    # --- what is shown
    @property
    def link(self) -> LinkView | None:
        """The link shown."""
        return self._link

    @property
    def quality(self) -> str:
        """How far the figures can be trusted: `live`, `stale` or `lost`."""
        if self._link is None or is_lost(self._link.state, self._link.measured_ns, self._now_ns):
            return "lost"
        return "stale" if is_stale(self._link.measured_ns, self._now_ns) else "live"

    @property
    def rate_text(self) -> str:
        """The big figure as it stands there."""
        return DASH if self._link is None or self.quality == "lost" else mbit_text(self._link.throughput_bps)

    @property
    def foot_text(self) -> str:
        """The lowest line: age of the figures, or what was asked, or since when the link is off."""
        link, asked = self._link, self._asked
        if link is None:
            return ""
        if asked is not None:
            waited_ns = self._now_ns - asked.at_ns
            if waited_ns > CONFIRM_NS:
                return f"no answer {format_duration(waited_ns / NS_PER_S)}"
            return "asked just now"  # the switch says what for
        if link.state is LinkState.RETURNING and not has_answered(link):
            return link.why
        if link.state in (LinkState.KILLED, LinkState.DOWN, LinkState.SILENT, LinkState.RETURNING):
            return since_text(link.state, link.since_ns, self._now_ns)
        if is_unheard(link, self._now_ns):
            return f"no news for {span_text(self._now_ns - (link.measured_ns or 0))}"
        if link.measured_ns is None:
            return "not measured yet"
        return age_text(link.measured_ns, self._now_ns)

    @property
    def is_overdue(self) -> bool:
        """True while a command has waited longer for its confirmation than it should."""
        return self._asked is not None and self._now_ns - self._asked.at_ns > CONFIRM_NS

    def move_to(self, place: int, row: int) -> None:
        """Take the colour of that place in the links' order, and the key of that row of the strip."""
        self._place, self._key = place, row + 1
        self._refresh()

    def apply_look(self, look: Look) -> None:
        """Take over another theme."""
        self._look, self._painter = look, FacePainter(look, compact=self._compact)
        self.setFont(look.font)
        self.updateGeometry()
        self._place_switch()
        self.update()

    @property
    def full_height(self) -> int:
        """Its height with the line of the last minute."""
        return self._height() + (SPARK_HEIGHT + self._look.gap // 2 if self._compact else 0)

    def set_compact(self, compact: bool) -> None:
        """Leave the line of the last minute out, for a strip that is too low for all its tiles."""
        if compact != self._compact:
            self._compact = compact
            self.apply_look(self._look)

    def show_link(self, link: LinkView, now_ns: int) -> None:
        """Take over the link's newest view. Figures are drawn with the next tick, all else at once."""
        before, self._link = self._link, link
        self._now_ns = now_ns
        if link.throughput_bps is not None and not is_lost(link.state, link.measured_ns, now_ns):
            self._last_rate = mbit_text(link.throughput_bps)
        asked = self._asked
        if asked is not None and (link.state is LinkState.KILLED) == asked.kill:
            self._asked = None
        if before is None or asked is not self._asked or _standing(before) != _standing(link):
            self._refresh()

    def show_spark(self, spark: Spark) -> None:
        """Take over the last minute's throughput, on the scale that all tiles share."""
        self._spark = spark
        self.update()

    def tick(self, now_ns: int) -> None:
        """Let time pass: ages grow, figures go stale, an unconfirmed command is reported."""
        self._now_ns = now_ns
        if self._asked is not None and now_ns - self._asked.at_ns > FORGET_NS:
            self._asked = None
        self._refresh()

    # --- what a person does
    def ask_switch(self) -> None:
        """Kill the link, or restore it if it is killed."""
        if self._link is None or not self.switch.isEnabled():
            return
        kill = self._link.state is not LinkState.KILLED
        self._asked = _Asked(kill, self._now_ns)
        self._refresh()
        (self.kill_requested if kill else self.restore_requested).emit(self._link.name)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """K is the switch; Enter, Space and Esc are not."""
        if event.key() == Qt.Key.Key_K and not event.modifiers() and not event.isAutoRepeat():
            self.ask_switch()
            event.accept()
            return
        event.ignore()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """The strip owns the menu."""
        if self._link is not None:
            self.menu_requested.emit(self._link.name, event.globalPos())

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Show the focus ring."""
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Take the focus ring away."""
        super().focusOutEvent(event)
        self.update()

    # --- form
    def sizeHint(self) -> QSize:
        """As wide as the strip, as high as its five lines."""
        return QSize(186, self._height())

    def minimumSizeHint(self) -> QSize:
        """Never lower than its lines."""
        return QSize(150, self._height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the switch in its corner."""
        super().resizeEvent(event)
        self._place_switch()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """A new style or text may need a wider switch."""
        if watched is self.switch and event.type() in (QEvent.Type.StyleChange, QEvent.Type.Polish):
            self.updateGeometry()
            self._place_switch()
        return super().eventFilter(watched, event)

    def _height(self) -> int:
        foot = self._painter.foot_top(self._face)
        return foot + max(26, self.switch.sizeHint().height()) + self._look.gap

    def _place_switch(self) -> None:
        self.switch.ensurePolished()
        hint = self.switch.sizeHint()
        room = max(64, self.width() // 2)
        width = min(room, max(64, hint.width()))
        height = max(26, hint.height())
        foot = self._painter.foot_top(self._face)
        self.switch.setGeometry(self.width() - width - self._look.gap - 2, foot, width, height)

    def _refresh(self) -> None:
        link = self._link
        if link is None:
            return
        killed = link.state is LinkState.KILLED
        verb = "Restore" if killed else "Kill"
        waiting = self._asked is not None and not self.is_overdue
        text = ("Killing…" if self._asked and self._asked.kill else "Restoring…") if waiting else verb
        tip = f"{verb} {link.name}  (K on this tile; Alt+{self._key} goes to it)"
        face = self._face_of(link)
        before, self._face = self._face, face
        changed = text != self.switch.text() or before is None or bool(before.limits) != bool(face.limits)
        self.switch.setText(text)
        self.switch.setEnabled(not waiting)
        self.switch.setAccessibleName(f"{verb} link {link.name}")
        self.switch.setToolTip(plain_tip("Waiting for the engine to confirm" if waiting else tip))
        if changed:
            self.updateGeometry()
            self._place_switch()
        if face == before:
            return
        self.setAccessibleName(f"Link {link.name}")
        self.setAccessibleDescription(self._words(link))
        self.setToolTip(plain_tip(self._tip(link)))
        self.update()

    def _words(self, link: LinkView) -> str:
        lost = self.quality == "lost"
        return (
            f"{link.state.value}{', ' + link.why if link.why else ''}; {self.rate_text} Mbit/s, "
            f"round trip {DASH if lost else ms_text(link.rtt_ms)} ms, "
            f"loss {DASH if lost else percent_text(link.loss)} %; figures {self.quality}"
        )

    def _tip(self, link: LinkView) -> str:
        lines = [f"{link.name} · {link.device} · {link.kind.value} · {link.role}"]
        if link.why:
            lines.append(f"{link.state.value}: {link.why}")
        lines.append(
            f"jitter {ms_text(link.jitter_ms)} ms, RTT p10 to p90 {ms_text(link.rtt_p10_ms)} to "
            f"{ms_text(link.rtt_p90_ms)} ms"
        )
        if link.score:
            lines.append(f"score {link.score.score:.2f}")
        if plan := plan_text(link):
            lines.append(plan)
        if link.addresses:
            lines.append(", ".join(link.addresses))
        lines.append(f"Kill or restore it with K  (Alt+{self._key})")
        return "\n".join(lines)

    def _face_of(self, link: LinkView) -> Face:
        quality = self.quality
        lost = quality == "lost"
        return Face(
            name=link.name,
            device=link.device if link.device != link.name else link.kind.value,
            state=shown_state(link, self._now_ns),
            place=self._place,
            quality=quality,
            rate=self.rate_text,
            unit=f"was {self._last_rate} Mbit/s" if lost and self._last_rate != DASH else "Mbit/s",
            role="" if link.role == "primary" else link.role,
            rtt=DASH if lost else ms_text(link.rtt_ms),
            loss=DASH if lost else percent_text(link.loss),
            limits=limits_text(link),
            is_short=is_short(link),
            foot=self.foot_text,
            is_overdue=self.is_overdue,
        )

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the tile."""
        painter = QPainter(self)
        paint_ground(painter, self.size(), self._look, has_focus=self.hasFocus())
        if self._face is not None:
            foot = self.switch.x() - 2 * self._look.gap
            self._painter.paint(painter, self.size(), self._face, self._spark, foot)
        painter.end()


def _standing(link: LinkView) -> tuple[object, ...]:
    """What of a link is shown at once when it changes; figures can wait for the next tick."""
    return link.name, link.device, link.state, link.why, link.role, link.rate_cap_bps, link.quota_bytes
