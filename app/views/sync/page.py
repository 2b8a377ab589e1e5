"""The Sync page: five views of the shared folders, and above them whatever conflict waits for a person.

Folders come with the events; files, savings, vectors and conflicts are asked for when their view is shown and when the
folders have changed, at most once a second. Hidden, the page keeps the newest folders and does nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer, Slot
from PySide6.QtWidgets import QStackedWidget, QWidget

from app.actions import make_action, offer
from app.models.sync_rows import WORST
from app.views.page import Page, ServiceCalls, empty_label, page_column
from app.views.sync.conflict_panel import ConflictPanel
from app.views.sync.other_views import Delta, Monitor, Versions
from app.views.sync.overview import Overview
from app.views.sync.share_dialog import ShareDialog
from app.views.sync.topology import Topology
from app.widgets.action_button import ActionButton
from app.widgets.fitting_row import FittingRow
from app.widgets.look import look_of
from transfer_core.errors import DrsError, NotFoundError
from transfer_core.events import Event
from transfer_core.events.sync import (
    SyncChanged,
    SyncConflictView,
    SyncFileView,
    SyncFolderView,
    SyncHappened,
    SyncHappening,
    SyncSavingView,
    SyncState,
    SyncVectorView,
)

if TYPE_CHECKING:
    from app.models.console_state import ConsoleState
    from app.theme.theme import Theme

ASK_MS = 1000
VIEWS = ("overview", "topology", "versions", "delta", "monitor")
_EMPTY = "No folder is shared yet. Share one, or accept one that a colleague has shared through the same relay."


class SyncPage(Page):
    """See the module."""

    name = "sync"
    title = "Sync"

    def __init__(self, state: ConsoleState, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state, self._theme = state, theme
        self._look = look_of(theme)
        self._service: ServiceCalls | None = None
        self._folders: tuple[SyncFolderView, ...] = ()
        self._others: dict[str, tuple[str, ...]] = {}
        self._chosen, self._file, self._find = "", "", ""
        self._vectors: tuple[SyncVectorView, ...] = ()
        self._shown = False
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._build()
        self._asking = QTimer(self, singleShot=True, interval=ASK_MS)
        self._asking.timeout.connect(self._ask)
        state.others_arrived.connect(self._take_events)
        state.heard_changed.connect(self._show_heard)
        theme.changed.connect(self._apply_look)

    # --- building
    def _build(self) -> None:
        self.overview = Overview(self._look, self)
        self.topology = Topology(self._look)
        self.versions = Versions(self._look, self)
        self.delta = Delta(self._look, self)
        self.monitor = Monitor(self._look, self)
        self.stack = QStackedWidget()
        for view in (self.overview, self.topology, self.versions, self.delta, self.monitor):
            self.stack.addWidget(view)
        self.conflicts = ConflictPanel(self)
        self.empty = empty_label(_EMPTY)
        layout = page_column(self)
        layout.addWidget(self._build_bar())
        layout.addWidget(self.conflicts)
        layout.addWidget(self.stack, 1)
        layout.addWidget(self.empty, 1)
        self.overview.folder_chosen.connect(self._choose)
        self.overview.files_wanted.connect(self._look_for)
        self.overview.file_opened.connect(self.show_file)
        self.conflicts.resolved.connect(self._resolve)
        self._take_folders(())
        self._show_folders()

    def _build_bar(self) -> FittingRow:
        bar = FittingRow()
        self.view_buttons: dict[str, ActionButton] = {}
        for number, name in enumerate(VIEWS):
            button = ActionButton(make_action(f"sync.{name}", self, partial(self._open_view, number)), self)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.setCheckable(True)
            self.view_buttons[name] = button
            bar.add(button)
        bar.row.addStretch(1)
        slots: dict[str, Callable[[], object]] = {
            "share": partial(self.open_dialog, accepts=False),
            "accept": partial(self.open_dialog, accepts=True),
            "pause": self.pause_or_resume,
            "deletes": self.mean_deletes,
            "leave": self.leave,
        }
        self.page_actions = {name: make_action(f"sync.{name}", self, slot) for name, slot in slots.items()}
        for rank, action in enumerate(self.page_actions.values(), 1):
            button = ActionButton(action, self)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            bar.add(button, rank=rank)
        self.show_view(0)
        return bar

    # --- page contract
    def connect_to(self, service: ServiceCalls) -> None:
        """Remember where to ask."""
        self._service = service

    @property
    def first_focus(self) -> QWidget:
        """The folders, if there are any."""
        return self.overview.folders if self._folders else self

    def layout_widgets(self) -> dict[str, QWidget]:
        """The overview's splitter and tables."""
        return {"split": self.overview.split}

    def on_shown(self) -> None:
        """Begin to work."""
        if self._shown:
            return
        self._shown = True
        self._state.links_changed.connect(self._show_topology)
        self._show_folders()
        self._call("status", on_result=self._take_folders)
        self._call("history", on_result=self.monitor.start_with)

    def on_hidden(self) -> None:
        """Stop working."""
        if not self._shown:
            return
        self._shown = False
        self._asking.stop()
        self._state.links_changed.disconnect(self._show_topology)

    def show_subject(self, subject: str) -> None:
        """Choose a folder by its name."""
        self._choose(subject)

    def show_view(self, number: int) -> None:
        """Show one of the five views."""
        self.stack.setCurrentIndex(number)
        for place, button in enumerate(self.view_buttons.values()):
            button.setChecked(place == number)
        if hasattr(self, "_asking"):
            self._ask()

    def _open_view(self, number: int) -> None:
        """As `show_view`; versions are those of the file that is selected."""
        selected = self.overview.files.chosen()
        if selected:
            self._file = str(selected[0])
        self.show_view(number)

    # --- what comes
    def _call(self, verb: str, *args: object, on_result: Callable[..., None] | None = None, **more: object) -> None:
        if self._service is not None:
            self._service.call(f"sync.{verb}", *args, on_result=on_result, on_error=self._fail, **more)

    def _fail(self, error: DrsError) -> None:
        if not isinstance(error, NotFoundError):  # a folder or a file that has just gone
            self.failed.emit(error)

    @Slot(object)
    def _take_events(self, events: Sequence[Event]) -> None:
        for event in events:
            if isinstance(event, SyncChanged):
                self._take_folders(event.folders)
            elif isinstance(event, SyncHappened) and self._shown:
                self.monitor.add(event.lines)

    def _take_folders(self, folders: Sequence[SyncFolderView]) -> None:
        had, self._folders = bool(self._folders), tuple(folders)
        if had and not folders and self.stack.isAncestorOf(self.focusWidget() or self):
            self.setFocus()
        self.stack.setVisible(bool(folders))
        self.empty.setVisible(not folders)
        if self._shown:
            self._show_folders()
            if not had and self.hasFocus():
                self.first_focus.setFocus()
            if not self._asking.isActive():
                self._asking.start()

    @Slot()
    def _show_heard(self) -> None:
        if self._shown:
            self._show_folders()

    def _show_folders(self) -> None:
        names = [folder.name for folder in self._folders]
        if self._chosen not in names:
            self._chosen = names[0] if names else ""
            if self._chosen:
                self._ask()
        is_heard = self._state.is_heard
        self.overview.show_folders(self._folders, self._chosen, is_heard=is_heard)
        self.delta.show_folders(self._folders)
        self.monitor.show_folders(self._folders, is_heard=is_heard)
        self._show_topology()
        self._enable()

    def _enable(self) -> None:
        folder = self._folder()
        for name in ("pause", "leave"):
            offer(self.page_actions[name], "" if folder is not None else "Choose a folder first")
        is_paused = folder is not None and folder.state is SyncState.PAUSED
        self.page_actions["pause"].setText("Resume" if is_paused else "Pause")
        is_asked = folder is not None and folder.state is SyncState.QUESTION
        offer(self.page_actions["deletes"], "" if is_asked else "The chosen folder does not ask about deletes")

    def _folder(self) -> SyncFolderView | None:
        return next((each for each in self._folders if each.name == self._chosen), None)

    @property
    def worst(self) -> SyncFolderView | None:
        """A folder that needs a hand."""
        return next((each for each in self._folders if each.state in WORST), None)

    @Slot()
    def _show_topology(self, _links: object = None) -> None:
        links = self._state.links
        places = {link.name: self._state.link_index(link.name) for link in links}
        self.topology.show_state(self._folders, links, places, self._others, is_heard=self._state.is_heard)

    # --- asking for what the shown view needs
    @Slot()
    def _ask(self) -> None:
        if not self._shown:
            return
        self._call("conflicts", on_result=self._take_conflicts)
        view = self.stack.currentWidget()
        if view in (self.overview, self.topology) and self._chosen:
            self._call("files", self._chosen, find=self._find, on_result=self._take_files)
        elif view is self.versions and self._file:
            self._call("vectors", self._chosen, self._file, on_result=self._take_vectors)
        elif view is self.delta:
            self._call("savings", on_result=self._take_savings)

    def _take_conflicts(self, conflicts: Sequence[SyncConflictView]) -> None:
        self.conflicts.show_conflicts(conflicts)

    def _take_files(self, files: Sequence[SyncFileView]) -> None:
        self.overview.show_files(files)
        folder = self._folder()
        if folder is not None and not self._find:
            known = {peer.name for peer in folder.peers}
            others = tuple(sorted({file.by for file in files if file.by} - known))
            self._others = self._others | {folder.relay or "this relay": others}
            self._show_topology()

    def _take_vectors(self, vectors: Sequence[SyncVectorView]) -> None:
        self._vectors = tuple(vectors)
        self._call("history", self._chosen, limit=2000, on_result=self._take_history)

    def _take_history(self, lines: Sequence[SyncHappening]) -> None:
        own = [line for line in reversed(lines) if line.path == self._file]
        self.versions.show_file(self._file, self._vectors, own)

    def _take_savings(self, savings: Sequence[SyncSavingView]) -> None:
        self.delta.show_savings(savings)

    # --- what a person does
    def _choose(self, name: str) -> None:
        if name != self._chosen:
            self._chosen, self._file = name, ""
            self.versions.show_file("", (), ())
            self._show_folders()
            self._ask()

    def _look_for(self, text: str) -> None:
        self._find = text
        self._ask()

    def show_file(self, path: str) -> None:
        """Show the causal history of a file of the chosen folder."""
        self._file = path
        self.show_view(VIEWS.index("versions"))

    def _resolve(self, folder: str, path: str, keep: str) -> None:
        self._call("resolve", path, keep, folder=folder, on_result=self._resolved)

    def _resolved(self, done: Sequence[str]) -> None:
        self.noted.emit("; ".join(done))
        self._asking.start()

    def open_dialog(self, *, accepts: bool) -> None:
        """Ask what to share, or to accept."""
        relays = [each.name for each in self._state.destinations if each.kind == "relay"]
        dialog = ShareDialog(relays, accepts=accepts, parent=self)
        dialog.wanted.connect(self._accept if accepts else self._share)
        dialog.open_beside()

    def _share(self, name: str, folder: str, relay: str) -> None:
        self._call("share", folder, name, relay, on_result=self._begun)

    def _accept(self, name: str, folder: str, relay: str) -> None:
        self._call("accept", name, folder, relay, on_result=self._begun)

    def _begun(self, folder: SyncFolderView) -> None:
        self.noted.emit(f"{folder.name}: {folder.path}")
        self._call("status", on_result=self._take_folders)

    def pause_or_resume(self) -> None:
        """Hold the chosen folder, or let it go on."""
        folder = self._folder()
        if folder is not None:
            verb = "resume" if folder.state is SyncState.PAUSED else "pause"
            self._call(verb, [folder.name], on_result=self._again)

    def mean_deletes(self) -> None:
        """Yes, what is gone was deleted on purpose."""
        folder = self._folder()
        if folder is not None:
            self._call("resume", [folder.name], deletes_are_meant=True, on_result=self._again)

    def leave(self) -> None:
        """Share the chosen folder no more here; to take that back is to accept it again, where it is."""
        folder = self._folder()
        if folder is not None:
            self._call("leave", folder.name, on_result=lambda _: self._left(folder))

    def _left(self, folder: SyncFolderView) -> None:
        self._again()
        take_back = partial(self._accept, folder.name, folder.path, folder.relay)
        text = f"{folder.name} is shared no more on this machine; all files stay"
        self.done.emit(text, take_back if folder.relay else None)

    def _again(self, _result: object = None) -> None:
        self._call("status", on_result=self._take_folders)

    # --- looks
    @Slot()
    def _apply_look(self) -> None:
        self._look = look_of(self._theme)
        for view in (self.overview, self.topology, self.versions, self.delta, self.monitor):
            view.apply_look(self._look)
