"""The Settings page: what a person may change, saved when asked to; looks change at once."""

from __future__ import annotations

from dataclasses import fields, replace
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QAction, QResizeEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFrame,
    QHBoxLayout,
    QScrollArea,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from app.actions import make_action, offer
from app.views.page import Page, ServiceCalls
from app.views.settings.card import SettingsCard
from app.views.settings.looks import LooksCard
from app.views.settings.receive import ReceivePanel
from app.widgets.action_button import ActionButton
from app.widgets.fields import pad_spin
from app.widgets.measures import BESIDE, GAP, MARGINS
from app.widgets.plain_label import PlainLabel
from transfer_core.config import Policy
from transfer_core.events import DestinationView, LinkState, LinkView
from transfer_core.service import Settings
from transfer_core.service.link_limits import ROLES

if TYPE_CHECKING:
    from app.models.console_state import ConsoleState
    from app.theme.theme import Theme

TWO_COLUMNS = 64  # times the type size: with less width the columns stand below each other

_POLICIES = {
    Policy.BONDED: "Bonded: all links pull",
    Policy.BEST: "Best: the link with the highest score",
    Policy.REDUNDANT: "Redundant: every byte on two links",
}
_WEIGHTS = ("throughput", "rtt", "loss", "stability")


class SettingsPage(Page):
    """A form over `service.Settings`. The owner answers `settings_wanted` with `show_settings`."""

    name = "settings"
    title = "Settings"

    settings_wanted = Signal()
    settings_changed = Signal(object)  # Settings

    def __init__(self, state: ConsoleState, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("kind", "page")
        self._state, self._theme = state, theme
        self._saved = Settings()
        self._showing = False
        self._roles: dict[str, QComboBox] = {}
        self.receive = ReceivePanel(state, theme, self)
        self._build()
        state.destinations_changed.connect(self._show_destinations)
        state.links_changed.connect(self._show_links)
        theme.changed.connect(self._place_receive)
        self._show_destinations(state.destinations)
        self._show_links(state.links)
        self.show_settings(self._saved)

    # --- building

    def _build(self) -> None:
        column = QWidget()
        cards = QVBoxLayout(column)
        cards.setContentsMargins(0, 0, 0, 0)
        cards.setSpacing(GAP)
        for card in (self._build_sending(), self._build_score(), self._build_roles(), LooksCard(self._theme)):
            cards.addWidget(card)
        cards.addStretch(1)
        scroll = QScrollArea(widgetResizable=True)
        scroll.setWidget(column)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._cards = cards
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        column.setAutoFillBackground(False)
        scroll.viewport().setAutoFillBackground(False)
        left = QVBoxLayout()
        left.setSpacing(GAP)
        left.addWidget(scroll, 1)
        left.addLayout(self._build_buttons())
        layout = QHBoxLayout(self)
        layout.setContentsMargins(*MARGINS)
        layout.setSpacing(GAP)
        layout.addLayout(left, 1)
        layout.addWidget(self.receive, 1)
        self._layout = layout

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Two columns where there is room for them, else one."""
        super().resizeEvent(event)
        self._place_receive()

    @Slot()
    def _place_receive(self) -> None:
        beside = self.width() >= self._theme.tokens.text_px * TWO_COLUMNS
        if beside and self._layout.indexOf(self.receive) < 0:
            self._cards.removeWidget(self.receive)
            self._layout.addWidget(self.receive, 1)
        elif not beside and self._cards.indexOf(self.receive) < 0:
            self._layout.removeWidget(self.receive)
            self._cards.insertWidget(self._cards.count() - 1, self.receive)

    def _build_sending(self) -> QWidget:
        card = SettingsCard("Sending", self._theme)
        self.policy = QComboBox()
        for policy, words in _POLICIES.items():
            self.policy.addItem(words, policy)
        self.destination = QComboBox()
        self.priority = QSpinBox(minimum=1, maximum=10)
        pad_spin(self.priority)
        self.probe = self._number(0.2, 60.0, 0.1, " s")
        card.add_row("Poli&cy", self.policy, "How links share the work")
        card.add_row("Default &destination", self.destination, "Where dropped files go")
        card.add_row("Default &priority", self.priority, "1 goes first, 10 last")
        self.direct = QCheckBox("Directly on one network")
        self.attempts = QSpinBox(minimum=1, maximum=1000)
        pad_spin(self.attempts)
        card.add_row("&Attempts", self.attempts, "How often a job is tried in vain before it has failed")
        card.add_row("Pro&be every", self.probe, "How often an idle link is measured")
        card.add_row("Shared fold&ers", self.direct, "Machines of a shared folder need no relay on one network")
        self.policy.currentIndexChanged.connect(self._edited)
        self.destination.currentIndexChanged.connect(self._edited)
        self.priority.valueChanged.connect(self._edited)
        self.attempts.valueChanged.connect(self._edited)
        self.direct.toggled.connect(self._edited)
        return card

    def _build_score(self) -> QWidget:
        card = SettingsCard("Weights of the link score", self._theme)
        self.weights: dict[str, QDoubleSpinBox] = {}
        labels = {"throughput": "Thro&ughput", "rtt": "RT&T", "loss": "L&oss", "stability": "Stabilit&y"}
        for name in _WEIGHTS:
            self.weights[name] = self._number(0.0, 1.0, 0.05, "")
            card.add_row(labels[name], self.weights[name], f"How much {name} counts; all are divided by their sum")
        return card

    def _build_roles(self) -> QWidget:
        card = self._roles_card = SettingsCard("Roles of the links", self._theme)
        self._roles_head = card.heading
        self._no_links = PlainLabel("No link yet")
        self._no_links.setProperty("kind", "muted")
        card.form.addRow(self._no_links)
        return card

    def _number(self, low: float, high: float, step: float, suffix: str) -> QDoubleSpinBox:
        box = QDoubleSpinBox(minimum=low, maximum=high, singleStep=step, suffix=suffix)
        box.setDecimals(2 if step < 0.1 else 1)
        box.valueChanged.connect(self._edited)
        pad_spin(box)
        return box

    def _build_buttons(self) -> QHBoxLayout:
        self.save = ActionButton(make_action("settings.save", self, self._save))
        self.save.setProperty("kind", "primary")
        self.discard = ActionButton(make_action("settings.discard", self, self._discard))
        self.note = PlainLabel()
        self.note.setProperty("kind", "muted")
        row = QHBoxLayout()
        row.setSpacing(BESIDE)
        row.addWidget(self.save)
        row.addWidget(self.discard)
        row.addWidget(self.note, 1)
        return row

    # --- page contract

    @property
    def first_focus(self) -> QWidget:
        """The first field."""
        return self.policy

    def connect_to(self, service: ServiceCalls) -> None:
        """Connect wishes to verbs."""
        call, receive = service.call, self.receive
        self._call = call
        self.settings_wanted.connect(self._ask_settings)
        self.settings_changed.connect(self._change_settings)
        receive.start_requested.connect(self._start_relay)
        receive.stop_requested.connect(partial(call, "stop_relay"))
        receive.token_requested.connect(self._ask_token)
        receive.incoming_wanted.connect(partial(call, "incoming", on_result=receive.show_incoming))

    def _ask_settings(self) -> None:
        self._call("settings", on_result=self.show_settings)

    def _change_settings(self, wanted: Settings) -> None:
        """Others change settings too: what was changed here goes onto what is set by now."""
        self._call("settings", on_result=partial(self._change_newest, self._saved, wanted))

    def _change_newest(self, before: Settings, wanted: Settings, newest: Settings) -> None:
        pairs = {each.name: (getattr(before, each.name), getattr(wanted, each.name)) for each in fields(Settings)}
        changed = {name: values[1] for name, values in pairs.items() if values[0] != values[1]}
        if "link_roles" in changed:  # these are told link by link
            roles = before.link_roles
            chosen = {link: role for link, role in wanted.link_roles.items() if roles.get(link) != role}
            changed["link_roles"] = {**newest.link_roles, **chosen}
        self._call("change_settings", replace(newest, **changed))
        self._ask_settings()

    def _start_relay(self, directory: str, listen: str, http: str) -> None:
        self._call("start_relay", directory, listen, http, on_result=self._relay_started)
        self._call("change_settings", self.saved_with_receive(directory, listen, http))

    def _relay_started(self, _relay: object) -> None:
        self._ask_settings()
        self._ask_token()

    def _ask_token(self) -> None:
        self._call("relay_token", on_result=self.receive.show_token)

    def on_shown(self) -> None:
        """Ask for the settings as they are, unless a person has begun to change them."""
        if self.settings() == self._saved:
            self.settings_wanted.emit()
        self.receive.on_shown()

    def on_hidden(self) -> None:
        """Stop working."""
        self.receive.on_hidden()

    @Slot(object)
    def show_settings(self, settings: Settings) -> None:
        """Fill the form."""
        self._saved = settings
        self._showing = True
        self.policy.setCurrentIndex(self.policy.findData(settings.policy))
        self._choose_destination(settings.default_destination)
        self.priority.setValue(settings.default_priority)
        self.probe.setValue(settings.probe_interval_s)
        self.attempts.setValue(settings.attempts_max)
        self.direct.setChecked(settings.sync_direct)
        for name, box in self.weights.items():
            box.setValue(settings.weights.get(name, 0.0))
        for name, role in self._roles.items():
            role.setCurrentText(settings.link_roles.get(name, ROLES[0]))
        self._showing = False
        self.receive.show_settings(settings)
        self._update_buttons()

    def settings(self) -> Settings:
        """What the form says. What it does not show stays as saved."""
        roles = dict(self._saved.link_roles)
        for name, box in self._roles.items():
            if box.currentText() != roles.get(name, ROLES[0]):
                roles[name] = box.currentText()
        return replace(
            self._saved,
            policy=Policy(self.policy.currentData()),
            default_destination=self.destination.currentText(),
            default_priority=self.priority.value(),
            probe_interval_s=round(self.probe.value(), 2),
            attempts_max=self.attempts.value(),
            sync_direct=self.direct.isChecked(),
            weights={name: round(box.value(), 4) for name, box in self.weights.items()},
            link_roles=roles,
        )

    def saved_with_receive(self, directory: str, listen: str, http: str) -> Settings:
        """What is saved, with another folder and other addresses to receive at."""
        return replace(self._saved, receive_directory=directory, receive_listen=listen, receive_http=http)

    # --- following

    @Slot(object)
    def _show_destinations(self, destinations: tuple[DestinationView, ...]) -> None:
        names = [each.name for each in destinations]
        if names == [self.destination.itemText(i) for i in range(self.destination.count())]:
            return
        chosen = self.destination.currentText() or self._saved.default_destination
        showing, self._showing = self._showing, True
        self.destination.clear()
        self.destination.addItems(names)
        self._choose_destination(chosen)
        self._showing = showing
        self._update_buttons()

    def _choose_destination(self, name: str) -> None:
        if name and self.destination.findText(name) < 0:
            self.destination.addItem(name)
        self.destination.setCurrentIndex(self.destination.findText(name))

    @Slot(object)
    def _show_links(self, links: tuple[LinkView, ...]) -> None:
        for link in links:
            if link.name in self._roles or link.state is LinkState.UNUSED:
                continue
            box = QComboBox()
            box.setObjectName(f"role.{link.name}")
            box.addItems(ROLES)
            box.setCurrentText(self._saved.link_roles.get(link.name, ROLES[0]))
            box.currentIndexChanged.connect(self._edited)
            self._roles[link.name] = box
            if len(self._roles) == 1:
                self._roles_head.setBuddy(box)
            tip = "Overflow helps when primaries are full; backup when they fail  (Alt+N, then Tab)"
            self._roles_card.add_row(link.name, box, tip)
        self._no_links.setVisible(not self._roles)
        self._roles_head.setText("Roles of the li&nks" if self._roles else "Roles of the links")

    @Slot()
    def _edited(self) -> None:
        if not self._showing:
            self._update_buttons()

    def _update_buttons(self) -> None:
        changed = self.settings() != self._saved
        for name in ("settings.save", "settings.discard"):
            action = self.findChild(QAction, name)
            if action is not None:
                offer(action, "" if changed else "Nothing is changed yet")
        self.note.setText("Not saved yet" if changed else "")

    # --- what a person does

    @Slot()
    def _save(self) -> None:
        self.settings_changed.emit(self.settings())

    @Slot()
    def _discard(self) -> None:
        self.show_settings(self._saved)
