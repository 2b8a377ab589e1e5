""" "Receive here": hosts a relay in this process, shows its pairing token, and lists what arrives."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QPlainTextEdit,
    QVBoxLayout,
    QWidget,
)

from app.actions import make_action, offer
from app.figures import files_text
from app.models.incoming_model import IncomingModel
from app.widgets.action_button import ActionButton
from app.widgets.fields import field_form
from app.widgets.look import look_of
from app.widgets.measures import BESIDE, CARD
from app.widgets.plain_label import PlainLabel
from app.widgets.row_table import Columns, RowTable
from app.widgets.status_shape import Shape, StatusShape
from transfer_core.events import IncomingView, RelayView
from transfer_core.service import Settings, Token
from transfer_core.units import NS_PER_S, format_bytes, format_duration

if TYPE_CHECKING:
    from app.models.console_state import ConsoleState
    from app.theme.theme import Theme

REFRESH_MS = 1000
HTTP_DEFAULT = "0.0.0.0:8443"
_SAMPLES = {1: "a sender", 2: "999.9 MB", 3: "arrived 14:32:07"}


class ReceivePanel(QFrame):
    """Talks up by signals; the owner answers with `show_token` and `show_incoming`."""

    start_requested = Signal(str, str, str)  # directory, address for UDP, address for HTTP or nothing
    stop_requested = Signal()
    token_requested = Signal()
    incoming_wanted = Signal()

    def __init__(self, state: ConsoleState, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("kind", "card")
        self._state, self._theme = state, theme
        self._token: Token | None = None
        self._http_touched = False  # by a person
        self._asks_for_folder = False
        self._model = IncomingModel(self)
        self._actions = {
            name: make_action(f"settings.{name}", parent or self, slot)
            for name, slot in (
                ("browse", self._choose_directory),
                ("receive", self._switch_clicked),
                ("token", self.token_requested.emit),
                ("copy_token", self._copy_token),
            )
        }
        self._build()
        self._timer = QTimer(self, interval=REFRESH_MS)
        self._timer.timeout.connect(self.refresh)
        state.relay_changed.connect(self.show_relay)
        theme.changed.connect(self._apply_look)
        self.show_relay(state.relay)

    def _build(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(*CARD)
        layout.setSpacing(BESIDE)
        title = PlainLabel("Receive here")
        title.setProperty("kind", "heading")
        layout.addWidget(title)
        layout.addLayout(self._build_form())
        layout.addLayout(self._build_switch())
        layout.addLayout(self._build_status())
        layout.addWidget(self._build_token())
        self.incoming = self._build_table()
        arrived = PlainLabel("Arri&ved")
        arrived.setProperty("kind", "section")
        arrived.setBuddy(self.incoming)
        layout.addWidget(arrived)
        layout.addWidget(self.incoming, 1)

    def _build_form(self) -> QFormLayout:
        self.directory = QLineEdit(placeholderText="Where files are put")
        self.directory.setAccessibleName("Folder to receive into")
        self.directory.setToolTip("What arrives is put here, in one folder for each sender")
        self.browse = ActionButton(self._actions["browse"])
        row = QHBoxLayout()
        row.setSpacing(BESIDE)
        row.addWidget(self.directory, 1)
        row.addWidget(self.browse)
        self.listen = QLineEdit(placeholderText="0.0.0.0:9000")
        self.listen.setAccessibleName("Address to listen on")
        self.listen.setToolTip("HOST:PORT for UDP; 0.0.0.0 takes all interfaces")
        self.with_http = QCheckBox("Over &HTTP too, at")
        self.with_http.setAccessibleName("Receive over HTTP too")
        self.with_http.setProperty("kind", "field")
        self.with_http.setToolTip("For senders whose network blocks UDP: they change over by themselves, and back")
        self.http = QLineEdit(placeholderText=HTTP_DEFAULT)
        self.http.setAccessibleName("Address for HTTP")
        self.http.setToolTip("HOST:PORT for HTTP over TLS; pairing tokens pin its certificate  (Alt+H, then Tab)")
        self.with_http.toggled.connect(self.http.setEnabled)
        self.with_http.clicked.connect(self._touch_http)
        self.http.setEnabled(False)
        form = field_form()
        for label, field, buddy in (("&Folder", row, self.directory), ("&Listen on", self.listen, self.listen)):
            head = PlainLabel(label)
            head.setProperty("kind", "field")
            head.setBuddy(buddy)
            form.addRow(head, field)
        form.addRow(self.with_http, self.http)
        return form

    def _build_switch(self) -> QHBoxLayout:
        self.switch = ActionButton(self._actions["receive"])
        self.switch.setProperty("kind", "primary")
        self.new_token = ActionButton(self._actions["token"])
        row = QHBoxLayout()
        row.setSpacing(BESIDE)
        row.addWidget(self.switch)
        row.addWidget(self.new_token)
        row.addStretch(1)
        return row

    def _build_status(self) -> QHBoxLayout:
        self.shape = StatusShape()
        self.status = PlainLabel(wordWrap=True)
        self.status.setAccessibleName("Relay state")
        row = QHBoxLayout()
        row.setSpacing(BESIDE)
        row.addWidget(self.shape)
        row.addWidget(self.status, 1)
        return row

    def _build_token(self) -> QWidget:
        self.token_box = QWidget()
        self.token_text = QPlainTextEdit(readOnly=True)
        self.token_text.setAccessibleName("Pairing token")
        self.token_text.setToolTip("Paste this on the sending machine  (Ctrl+Shift+T)")
        self.token_text.setMaximumHeight(76)
        self.token_text.setTabChangesFocus(True)
        self.expiry = PlainLabel()
        self.expiry.setProperty("kind", "muted")
        self.copy = ActionButton(self._actions["copy_token"])
        row = QHBoxLayout()
        row.setSpacing(BESIDE)
        row.addWidget(self.copy)
        row.addWidget(self.expiry, 1)
        layout = QVBoxLayout(self.token_box)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(BESIDE)
        layout.addWidget(self.token_text)
        layout.addLayout(row)
        self.token_box.hide()
        return self.token_box

    def _build_table(self) -> RowTable:
        tip = "What arrives here and has arrived, newest first"
        table = RowTable(self._model, look_of(self._theme), "What has arrived", tip, Columns(_SAMPLES, wide=0))
        table.setMinimumHeight(120)
        self._nothing = PlainLabel(parent=table.viewport(), alignment=Qt.AlignmentFlag.AlignCenter, wordWrap=True)
        self._nothing.setProperty("kind", "muted")
        self._nothing.setContentsMargins(16, 24, 16, 24)
        over = QVBoxLayout(table.viewport())
        over.addWidget(self._nothing)
        return table

    # --- what is shown

    def on_shown(self) -> None:
        """Ask for what has arrived, and keep asking once a second."""
        self.refresh()
        self._timer.start()

    def on_hidden(self) -> None:
        """Stop asking."""
        self._timer.stop()

    @Slot()
    def _apply_look(self) -> None:
        self.incoming.apply_look(look_of(self._theme))
        self._show_status()

    def show_settings(self, settings: Settings) -> None:
        """Fill in the folder and address used last, unless a person is typing there."""
        if not self.directory.isModified():
            self.directory.setText(settings.receive_directory)
        if not self.listen.isModified():
            self.listen.setText(settings.receive_listen)
        if not self._http_touched and not self.http.isModified():
            self.with_http.setChecked(bool(settings.receive_http))
            self.http.setText(settings.receive_http)

    @Slot(object)
    def show_relay(self, relay: RelayView) -> None:
        """The relay's state, and what can be done about it."""
        receives = relay.running and not relay.why
        start = "Start receiving again" if relay.why else "Start receiving"
        self._actions["receive"].setText("Stop receiving" if receives else start)
        for widget in (self.directory, self.listen, self.with_http):
            widget.setEnabled(not receives)
        self.http.setEnabled(not receives and self.with_http.isChecked())
        offer(self._actions["browse"], "Stop receiving first" if receives else "")
        for name in ("token", "copy_token"):
            offer(self._actions[name], "" if receives else "Start receiving first")
        self._show_nothing()
        self._asks_for_folder = False
        self._show_status()
        if not receives:
            self._token = None
            self.token_box.hide()

    def _show_status(self) -> None:
        relay, look = self._state.relay, look_of(self._theme)
        if self._asks_for_folder:
            self.shape.show_shape(Shape.TRIANGLE, look.caution, "caution")
            self.status.setText("Choose a folder first")
        elif relay.why:
            self.shape.show_shape(Shape.DIAMOND, look.serious, "serious")
            self.status.setText(relay.why)
        elif relay.running:
            self.shape.show_shape(Shape.CIRCLE, look.good, "receives")
            self.status.setText(_relay_words(relay))
        else:
            self.shape.show_shape(Shape.BAR, look.muted, "off")
            self.status.setText("Not receiving")

    @Slot(object)
    def show_token(self, token: Token) -> None:
        """Show a token until it expires."""
        self._token = token
        self.token_text.setPlainText(token.text)
        self.token_box.show()
        self._show_expiry()

    @Slot(object)
    def show_incoming(self, views: Sequence[IncomingView]) -> None:
        """List what has arrived."""
        self._model.replace(views)
        self._show_nothing()

    def _show_nothing(self) -> None:
        running = self._state.relay.running
        self._nothing.setText("Nothing has arrived yet" if running else "Files arrive here once receiving is started")
        self._nothing.setVisible(self._model.rowCount() == 0)

    @Slot()
    def refresh(self) -> None:
        """Let time pass."""
        self._show_expiry()
        if self._state.relay.running:
            self.incoming_wanted.emit()

    def _show_expiry(self) -> None:
        if self._token is None:
            return
        left_s = datetime.fromisoformat(self._token.expires_at).timestamp() - self._state.wall_ns() / NS_PER_S
        gone = left_s <= 0
        self.expiry.setText("Expired; show a new one" if gone else f"Expires in {format_duration(round(left_s))}")
        offer(self._actions["copy_token"], "It has expired; show a new one" if gone else "")

    # --- what a person does

    @Slot()
    def _touch_http(self) -> None:
        self._http_touched = True

    @Slot()
    def _choose_directory(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Folder to receive into", self.directory.text())
        if chosen:
            self.directory.setText(chosen)
            self.directory.setModified(True)

    @Slot()
    def _switch_clicked(self) -> None:
        relay = self._state.relay
        if relay.running and not relay.why:
            self.stop_requested.emit()
            return
        directory = self.directory.text().strip() or relay.directory
        if not directory:
            self._asks_for_folder = True
            self._show_status()
            self.directory.setFocus()
            return
        if relay.running:  # what failed still has the state, until it is put away
            self.stop_requested.emit()
        listen, http = (field.text().strip() or field.placeholderText() for field in (self.listen, self.http))
        self.start_requested.emit(directory, listen, http if self.with_http.isChecked() else "")

    @Slot()
    def _copy_token(self) -> None:
        if self._token is not None:
            QGuiApplication.clipboard().setText(self._token.text)


def _relay_words(relay: RelayView) -> str:
    free = "" if relay.free_bytes is None else f" · {format_bytes(relay.free_bytes)} free"
    agents = "1 sender" if relay.agents == 1 else f"{relay.agents} senders"
    http = f" and {relay.http}" if relay.http else ""
    return f"Listens on {relay.listen}{http} · {agents} · {files_text(relay.files_done)} arrived{free}"
