from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from app.models.console_state import ConsoleState
from app.models.sync_rows import folder_row, saved_text, saving_rows, sum_of, version_lines
from app.theme.theme import Theme
from app.views.sync.causal_view import HERE, steps_of
from app.views.sync.page import SyncPage
from app.views.sync.share_dialog import ShareDialog
from app.widgets.action_button import ActionButton
from app.workers.calls_here import CallsHere
from tests.support.console_world import colours_in, link_view
from tests.support.fake_service import FakeService
from tests.support.fake_sync import demo_conflict, demo_folders, demo_history
from transfer_core.engine.system import SystemClock
from transfer_core.errors import ConflictError
from transfer_core.events import EngineLost, EngineSilent, LinksChanged
from transfer_core.events.sync import SyncChanged, SyncHappened, SyncHappening, SyncState


class Stage:
    def __init__(self, qtbot: QtBot) -> None:
        self.service = FakeService()
        self.state = ConsoleState(SystemClock())
        self.theme = Theme()
        self.page = SyncPage(self.state, self.theme)
        qtbot.addWidget(self.page)
        self.page.resize(1150, 650)
        self.page.connect_to(CallsHere(self.service))
        self.state.apply(self.service.subscribe().drain())
        with qtbot.waitExposed(self.page):
            self.page.show()
        self.page.on_shown()
        self.page.show_view(0)

    @property
    def sync(self) -> object:
        return self.service.sync


@pytest.fixture
def stage(qtbot: QtBot) -> Stage:
    return Stage(qtbot)


def test_folders_files_and_machines_are_listed(stage: Stage) -> None:
    overview = stage.page.overview
    assert [row.texts[0] for row in overview.folder_model.rows] == ["setups", "logs", "strategy"]
    assert [row.texts[:2] for row in overview.peer_model.rows] == [
        ("factory", "online"),
        ("pit2", "direct"),
        ("engineer3", "through factory"),
    ]
    assert "pit2: direct" in stage.page.topology.text()
    assert "engineer3: through factory" in stage.page.topology.text()
    assert len(overview.file_model.rows) == 25
    assert overview.reports.isVisible()


def test_another_folder_shows_its_question_and_can_be_answered(stage: Stage, qtbot: QtBot) -> None:
    assert not stage.page.page_actions["deletes"].isEnabled()
    stage.page.overview.folders.choose("strategy")
    qtbot.waitUntil(lambda: "31 of 40" in stage.page.overview.reports.text())
    assert stage.page.page_actions["deletes"].isEnabled()
    stage.page.page_actions["deletes"].trigger()
    assert ("resume", "strategy", True) in stage.service.sync.calls


def test_a_conflict_stands_side_by_side_with_who_when_and_size(stage: Stage) -> None:
    panel = stage.page.conflicts
    assert panel.isVisible()
    left = [label.text() for label in panel.left.values]
    right = [label.text() for label in panel.right.values]
    assert left == ["pit2", "2026-11-21 08:31:12", "4.2 kB", "car17/wing.json"]
    assert right[0] == "pit1 (this machine)"


def test_in_a_narrow_window_a_conflict_is_told_in_as_many_lines_as_it_needs(stage: Stage, qtbot: QtBot) -> None:
    head = stage.page.conflicts.head
    stage.page.resize(420, 700)
    qtbot.waitUntil(lambda: head.height() >= 2 * head.fontMetrics().height())
    assert head.height() >= head.heightForWidth(head.width())


def test_a_conflict_is_as_high_as_its_lines_and_leaves_the_rest_to_the_folders(stage: Stage, qtbot: QtBot) -> None:
    panel = stage.page.conflicts
    qtbot.waitUntil(lambda: panel.height() == panel.layout().totalHeightForWidth(panel.width()))
    wide = panel.height()
    stage.page.resize(420, 700)
    qtbot.waitUntil(lambda: panel.height() > wide)
    stage.page.resize(1150, 650)
    qtbot.waitUntil(lambda: panel.height() == wide)


def test_one_conflict_of_several_says_which_it_is(stage: Stage) -> None:
    panel = stage.page.conflicts
    assert panel.head.text().startswith("▲ Conflict: car17/wing.json in setups")
    panel.show_conflicts([demo_conflict(), replace(demo_conflict(), folder="logs")])
    assert panel.head.text().startswith("▲ Conflict 1 of 2: car17/wing.json in setups")


@pytest.mark.parametrize(("key", "keep"), [("M", "mine"), ("T", "theirs"), ("B", "both")])
def test_each_button_and_key_resolves_the_conflict(stage: Stage, qtbot: QtBot, key: str, keep: str) -> None:
    stage.page.overview.folders.setFocus()
    stage.page.conflicts.keep_actions[keep].trigger()
    assert ("resolve", demo_conflict().beside.path, keep, "setups") in stage.service.sync.calls
    assert stage.page.conflicts.keep_actions[keep].shortcut().toString() == key
    qtbot.waitUntil(lambda: not stage.page.conflicts.isVisible())


def test_a_conflict_that_is_looked_at_stays_while_others_come(stage: Stage) -> None:
    panel = stage.page.conflicts
    first = demo_conflict()
    second = replace(first, path="b", beside=replace(first.beside, path="b.conflict-x-0123456789abcdef"))
    panel.show_conflicts([first, second])
    panel.show_next()
    panel.show_conflicts([replace(first, beside=replace(first.beside, path="new")), first, second])
    assert panel.shown == second
    panel.show_conflicts([first])
    assert panel.shown == first
    assert not panel.next_action.isEnabled()


def test_an_error_of_a_verb_is_told(stage: Stage, qtbot: QtBot) -> None:
    stage.service.sync.fail["pause"] = ConflictError("no")
    with qtbot.waitSignal(stage.page.failed):
        stage.page.page_actions["pause"].trigger()


def test_pause_becomes_resume_for_a_paused_folder(stage: Stage) -> None:
    first, *rest = demo_folders()
    stage.state.apply([SyncChanged((replace(first, state=SyncState.PAUSED), *rest))])
    assert stage.page.page_actions["pause"].text() == "Resume"
    stage.page.page_actions["pause"].trigger()
    assert ("resume", "setups", False) in stage.service.sync.calls


def test_the_monitor_adds_what_happens_on_top(stage: Stage) -> None:
    line = SyncHappening("2026-11-21T09:00:00Z", "logs", "received", "new.log", "from pit3")
    stage.state.apply([SyncHappened((line,))])
    assert stage.page.monitor.model.rows[0].texts[3] == "new.log"
    assert stage.page.monitor.model.rows[1].texts[3] == "old/notes.txt"


def test_a_file_shows_its_causal_history_and_vectors(stage: Stage) -> None:
    stage.page.show_file("car17/wing.json")
    assert stage.page.stack.currentWidget() is stage.page.versions
    assert stage.page.versions.head.text() == "car17/wing.json"
    assert [row.texts[0] for row in stage.page.versions.model.rows] == ["this machine", "factory"]
    assert "pit2 edited" in stage.page.versions.drawing.accessibleDescription()


def test_the_versions_are_those_of_the_file_that_is_selected(stage: Stage) -> None:
    stage.page.overview.files.choose_rows([3])
    (path,) = stage.page.overview.files.chosen()
    stage.page.view_buttons["versions"].click()
    assert stage.page.stack.currentWidget() is stage.page.versions
    assert stage.page.versions.head.text() == path


def test_a_folder_that_was_left_is_taken_back_where_it_was(stage: Stage) -> None:
    told = []
    stage.page.done.connect(lambda text, take_back: told.append((text, take_back)))
    stage.page.page_actions["leave"].trigger()
    ((text, take_back),) = told
    assert text == "setups is shared no more on this machine; all files stay"
    take_back()
    assert ("accept", "setups", "/race/setups", "factory") in stage.service.sync.calls


def test_the_keyboard_goes_to_the_first_folder_that_is_shared_and_to_the_page_when_the_last_is_left(
    stage: Stage, qtbot: QtBot
) -> None:
    page = stage.page
    page.activateWindow()
    qtbot.waitUntil(page.isActiveWindow)
    page.overview.folders.setFocus()
    folders = demo_folders()
    stage.state.apply([SyncChanged(())])
    assert page.hasFocus()
    stage.state.apply([SyncChanged(folders)])
    assert page.overview.folders.hasFocus()


@pytest.mark.parametrize("theme", ["light", "dark", "sun"])
@pytest.mark.parametrize("wide", [420, 560, 911, 1150])
def test_a_conflict_is_laid_out_whole_at_every_width(stage: Stage, qtbot: QtBot, theme: str, wide: int) -> None:
    panel = stage.page.conflicts
    stage.theme.set_name(theme)
    stage.page.resize(wide, 700)
    qtbot.waitUntil(lambda: panel.height() == panel.layout().totalHeightForWidth(panel.width()))
    head, left, right = panel.head, panel.left, panel.right
    assert head.height() >= head.heightForWidth(head.width())
    assert (left.y(), left.height()) == (right.y(), right.height())
    assert abs(left.width() - right.width()) <= 1
    assert head.geometry().bottom() < left.y()
    assert left.geometry().right() < right.x()
    for card in (left, right):
        rows = [card.title, *card.values]
        assert all(above.geometry().bottom() <= below.y() for above, below in pairwise(rows))
        assert all(row.height() >= row.fontMetrics().height() for row in rows)
        assert card.rect().contains(card.values[-1].geometry())
    buttons = panel.findChildren(ActionButton)
    assert len(buttons) == 4
    for button in buttons:
        assert button.width() >= button.sizeHint().width()
        assert button.y() > left.geometry().bottom()
    for part in (head, left, right, *buttons):
        assert panel.rect().contains(part.geometry())


def test_history_becomes_lanes_with_arrows_from_where_an_edit_came() -> None:
    own = [line for line in reversed(demo_history()) if line.path == "car17/wing.json"]
    steps = steps_of(own)
    assert [(step.lane, step.what, step.from_lane) for step in steps] == [
        (HERE, "edited", ""),
        ("pit2", "edited", ""),
        (HERE, "received", "pit2"),
        (HERE, "edited", ""),
        (HERE, "conflict", ""),
    ]


def test_the_topology_says_in_words_what_it_draws(stage: Stage) -> None:
    text = stage.page.topology.text()
    assert "factory: online, setups, logs, strategy" in text
    assert "Mbit/s" in text


def test_hidden_it_asks_for_nothing(stage: Stage) -> None:
    stage.page.on_hidden()
    before = list(stage.service.sync.calls)
    stage.state.apply([SyncChanged(demo_folders()[:1])])
    assert [row.texts[0] for row in stage.page.overview.folder_model.rows] == ["setups", "logs", "strategy"]
    assert stage.service.sync.calls == before
    stage.page.on_shown()


def test_rows_are_copied_as_text(stage: Stage) -> None:
    stage.page.overview.folders.copy_rows()
    text = QGuiApplication.clipboard().text()
    assert text.splitlines()[0].startswith("folder\tstate")
    assert "setups\tin sync" in text


def test_without_folders_the_page_says_what_to_do(stage: Stage) -> None:
    stage.service.sync.folders.clear()
    stage.state.apply([SyncChanged(())])
    assert stage.page.empty.isVisible()
    assert not stage.page.page_actions["leave"].isEnabled()


def test_a_shared_folder_is_called_as_it_is_unless_said_otherwise(qtbot: QtBot) -> None:
    dialog = ShareDialog(["factory"], accepts=False)
    qtbot.addWidget(dialog)
    dialog.folder.setText("/")
    assert not dialog.done_button.isEnabled()  # it has no name of its own
    dialog.folder.setText("/race/setups/")
    with qtbot.waitSignal(dialog.wanted) as wanted:
        qtbot.mouseClick(dialog.done_button, Qt.MouseButton.LeftButton)
    assert wanted.args == ["setups", "/race/setups/", "factory"]


def test_a_folder_is_accepted_only_by_its_name(qtbot: QtBot) -> None:
    dialog = ShareDialog(["factory"], accepts=True)
    qtbot.addWidget(dialog)
    dialog.folder.setText("/race/setups")
    assert not dialog.done_button.isEnabled()
    dialog.name.setText("setups")
    assert dialog.done_button.isEnabled()


def test_sharing_asks_for_all_three(qtbot: QtBot) -> None:
    dialog = ShareDialog(["factory"], accepts=False)
    qtbot.addWidget(dialog)
    assert not dialog.done_button.isEnabled()
    dialog.folder.setText("/race/setups")
    dialog.name.setText("setups")
    with qtbot.waitSignal(dialog.wanted) as wanted:
        qtbot.mouseClick(dialog.done_button, Qt.MouseButton.LeftButton)
    assert wanted.args == ["setups", "/race/setups", "factory"]


def test_what_was_saved_is_said_honestly() -> None:
    assert saved_text(100, 25) == "75 %"
    assert saved_text(100, 130) == "−30 %"
    assert saved_text(0, 10) == "—"
    assert saving_rows([])[:1] == []
    assert sum_of(demo_folders()).wire_bytes == 96_000_000
    assert version_lines(None)[0] == "nothing any more"
    assert folder_row(demo_folders()[1]).texts[4:7] == ("18", "3", "—")


def test_what_is_shared_is_how_it_was_while_the_engine_is_not_heard_of(stage: Stage) -> None:
    page, good = stage.page, Theme().tokens.good
    stage.sync.folders = [replace(demo_folders()[0], name="well", conflicts=0), *demo_folders()[1:]]
    stage.state.apply([SyncChanged(tuple(stage.sync.folders))])

    def states() -> dict[str, str]:
        return {row.texts[0]: row.texts[1] for row in page.overview.folder_model.rows}

    before, ways = states(), [row.texts[1] for row in page.overview.peer_model.rows]
    assert before["well"] == "in sync"
    assert good in colours_in(page.overview.folders)
    stage.state.apply([EngineSilent(True)])
    assert states()["well"] == "was in sync"
    assert states()["strategy"] == before["strategy"] == "asks"  # a person may think of the answer meanwhile
    assert [row.texts[1] for row in page.overview.peer_model.rows] == [f"was {way}" for way in ways]
    assert "well: was in sync" in page.monitor.progress.toolTip()
    assert good not in colours_in(page.overview.folders)
    stage.state.apply([EngineSilent(False)])
    assert states() == before
    assert good in colours_in(page.overview.folders)


def test_the_topology_of_an_engine_that_is_not_heard_of_tells_no_rates(stage: Stage) -> None:
    stage.state.apply([LinksChanged((link_view("wifi"),))])
    stage.page.show_view(1)
    topology = stage.page.topology
    assert "wifi: up, 78.4 Mbit/s" in topology.text()
    assert "factory: online" in topology.text()
    good = Theme().tokens.good
    assert good in colours_in(topology)
    stage.state.apply([EngineLost("it was killed", 1.0)])
    assert "wifi: was up" in topology.text()
    assert "Mbit/s" not in topology.text()
    assert "factory: was online" in topology.text()
    assert good not in colours_in(topology)


def test_a_page_that_is_opened_while_the_engine_is_not_heard_of_shows_how_it_was(stage: Stage) -> None:
    stage.page.on_hidden()
    stage.state.apply([EngineSilent(True)])
    stage.page.on_shown()
    assert all(row.texts[1].startswith("was ") for row in stage.page.overview.peer_model.rows)
