from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QModelIndex
from PySide6.QtGui import Qt
from PySide6.QtTest import QAbstractItemModelTester

from app.figures import plain_tip
from app.models.history_model import HEADINGS, PAGE_ROWS, HistoryColumn, HistoryModel
from app.models.links_model import LinkColumn, LinksModel
from app.models.log_model import LogColumn, LogFilter, LogModel
from app.models.name_list import Named, NameList
from app.models.queue_model import QueueModel
from app.widgets.elided_label import ElidedLabel
from app.widgets.plain_label import PlainLabel
from tests.support.console_world import START_NS, job_view, link_view, notice
from transfer_core.events import JobState, LinkState, Severity
from transfer_core.units import NS_PER_S

FATAL = QAbstractItemModelTester.FailureReportingMode.Fatal


@pytest.fixture(autouse=True)
def _application(qapp) -> None:
    """Qt's model tester needs one."""


def test_the_links_model_keeps_the_rules_while_links_come_go_and_change() -> None:
    model = LinksModel()
    tester = QAbstractItemModelTester(model, FATAL)
    wifi, lte = link_view("wifi"), link_view("lte")
    model.show_links([wifi], START_NS)
    model.show_links([wifi, lte], START_NS)
    model.show_links([wifi, replace(lte, throughput_bps=1e6)], START_NS)
    model.show_links([wifi, lte], START_NS + NS_PER_S)
    model.show_links([lte], START_NS)
    model.show_links([], START_NS)
    assert tester.model() is model


HOSTILE = (
    "<b>x</b><img src=http://a/b.png>",
    "a <i>b",
    "&lt;b&gt;",
    "<?xml version='1.0'?><b>x",
    "<!DOCTYPE html>",
    "< b>",
)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_tool_tip_shows_tags_in_a_name_as_they_are_written(name: str) -> None:
    assert Qt.mightBeRichText(name)
    tip = plain_tip(name)
    assert not Qt.mightBeRichText(tip)
    assert tip.replace("\N{WORD JOINER}", "") == name
    assert plain_tip(tip) == tip  # what a button takes over from its action


@given(st.text(alphabet="<>&lt;b/!?x 1\n\t\"='-"))
def test_no_text_of_a_tool_tip_is_ever_markup(text: str) -> None:
    assert not Qt.mightBeRichText(plain_tip(text))


@pytest.mark.parametrize("name", HOSTILE)
def test_the_models_tool_tips_are_plain(name: str) -> None:
    queue, history, log, names = QueueModel(), HistoryModel(), LogModel(), NameList()
    failed = replace(job_view(1, JobState.FAILED, reason=name, error=name), path=name)
    queue.update_jobs([failed])
    history.replace([failed])
    log.append([replace(notice("link"), error=name, text=name)])
    names.show_names([Named("a", name, tip=name)])
    for model in (queue, history, log, names):
        for column in range(1 if model is names else model.columnCount()):
            tip = model.index(0, column).data(Qt.ItemDataRole.ToolTipRole)
            assert not Qt.mightBeRichText(tip or "")


def test_a_label_of_the_console_shows_tags_as_they_are_written() -> None:
    assert PlainLabel("<b>x</b>").textFormat() is Qt.TextFormat.PlainText
    assert ElidedLabel("<b>x</b>").textFormat() is Qt.TextFormat.PlainText


def test_a_copied_row_stays_one_row_whatever_its_file_is_called() -> None:
    model = HistoryModel()
    model.replace([replace(job_view(1, JobState.FAILED, error="one\r\ntwo\tthree"), destination="a\tb\u202e")])
    line = model.row_text(0)
    assert line.count("\t") == len(HEADINGS) - 1  # no rate for one that failed, but the error
    assert len(line.splitlines()) == 1
    assert line.endswith("one two three")
    assert "a b\N{REPLACEMENT CHARACTER}" in line


def test_only_the_row_that_differs_is_announced(qtbot) -> None:
    model = LinksModel()
    wifi, lte = link_view("wifi"), link_view("lte")
    model.show_links([wifi, lte], START_NS)
    with qtbot.assertNotEmitted(model.dataChanged):
        model.show_links([wifi, lte], START_NS)
    with qtbot.waitSignal(model.dataChanged) as changed:
        model.show_links([wifi, replace(lte, loss=0.5)], START_NS)
    first, last = changed.args[:2]
    assert (first.row(), last.row()) == (1, 1)
    assert first.column() == LinkColumn.LOSS
    assert model.index(1, LinkColumn.LOSS).data() == "50"


def test_a_killed_link_shows_no_figures_but_its_reason() -> None:
    model = LinksModel()
    model.show_links([link_view("lte", LinkState.KILLED, why="by you")], START_NS)
    assert model.index(0, LinkColumn.STATE).data() == "killed by you"
    assert model.index(0, LinkColumn.RATE).data() == "—"


def test_the_history_model_keeps_the_rules_while_pages_come(qtbot) -> None:
    model = HistoryModel()
    tester = QAbstractItemModelTester(model, FATAL)
    asked: list[tuple[int, int]] = []
    model.more_wanted.connect(lambda limit, offset: asked.append((limit, offset)))
    model.replace([job_view(n) for n in range(PAGE_ROWS)])
    model.fetchMore(QModelIndex())
    assert asked == [(PAGE_ROWS, PAGE_ROWS)]  # once, although the tester asks as well
    assert not model.canFetchMore(QModelIndex())
    model.append([job_view(n) for n in range(PAGE_ROWS - 3, PAGE_ROWS + 50)])
    assert model.rowCount() == PAGE_ROWS + 50
    assert not model.canFetchMore(QModelIndex())
    model.replace([])
    assert model.rowCount() == 0
    assert tester.model() is model


def test_a_history_row_tells_all_of_a_job() -> None:
    model = HistoryModel()
    model.replace([job_view(7, attempts=2)])
    texts = [model.index(0, column).data() for column in range(len(HEADINGS))]
    assert texts == [
        "Arrived",
        "2026-11-21 14:00:07",
        "stint7.mcap",
        "100 MB",
        "10 s",
        "80.0",
        "factory",
        "2",
        "lte 40.0 MB · wifi 60.0 MB",
    ]


def test_a_job_that_failed_has_no_mean_rate_but_a_reason_to_copy() -> None:
    model = HistoryModel()
    model.replace([job_view(1, JobState.FAILED, reason="server refuses the token", error="token_used")])
    assert model.index(0, HistoryColumn.RATE).data() == ""
    assert model.row_text(0).endswith("server refuses the token\ttoken_used")
    assert "server refuses the token" in model.index(0, HistoryColumn.OUTCOME).data(Qt.ItemDataRole.ToolTipRole)


def test_the_log_model_keeps_the_rules_and_its_bound() -> None:
    model = LogModel(lines_most=40)
    tester = QAbstractItemModelTester(model, FATAL)
    for number in range(200):
        model.append([notice(f"line {number}")])
        assert model.rowCount() <= 40
    assert model.index(model.rowCount() - 1, LogColumn.TEXT).data() == "line 199"
    model.append([notice(f"flood {number}") for number in range(500)])
    assert model.rowCount() == 40
    assert model.index(0, LogColumn.TEXT).data() == "flood 460"
    model.clear()
    assert model.rowCount() == 0
    assert tester.model() is model


def test_the_log_filter_takes_severity_and_words_together() -> None:
    log = LogModel()
    shown = LogFilter(log)
    tester = QAbstractItemModelTester(shown, FATAL)
    log.append(
        [
            notice("LTE lost", Severity.SERIOUS),
            notice("LTE back"),
            notice("disk nearly full", Severity.CAUTION, topic="relay"),
            notice("pairing failed", Severity.SERIOUS, error="TokenExpired: LTE lost the race"),
        ]
    )
    shown.choose(least=Severity.CAUTION)
    assert shown.rowCount() == 3
    shown.choose(find="lost LTE")
    assert [shown.index(row, LogColumn.TEXT).data() for row in range(shown.rowCount())] == [
        "LTE lost",
        "pairing failed",
    ]
    shown.choose(least=Severity.INFO, find="")
    assert shown.rowCount() == 4
    assert tester.model() is shown


def test_a_log_line_is_one_line_and_copies_with_its_error() -> None:
    log = LogModel()
    log.append([notice("first\nsecond", Severity.CRITICAL, error="Trace:\n  where")])
    assert log.index(0, LogColumn.TEXT).data() == "first second"
    assert log.row_text(0).endswith("first\nsecond\nTrace:\n  where")


def test_a_link_whose_figures_are_old_is_told_as_stale_once(qtbot) -> None:
    model = LinksModel()
    model.show_links([link_view("wifi")], START_NS)
    assert not model.is_stale(0)
    with qtbot.waitSignal(model.dataChanged) as changed:
        model.show_links([link_view("wifi")], START_NS + 3 * NS_PER_S)
    assert changed.args[0].column() == LinkColumn.STATE
    assert model.is_stale(0)
