from __future__ import annotations

import numpy as np
import pyqtgraph as pg
import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QGuiApplication, QImage
from PySide6.QtWidgets import QAbstractButton, QApplication

from app.models.link_history import LinkHistory
from app.models.links_model import LinkColumn
from app.models.sample_rings import SampleRings
from app.theme.theme import Theme
from app.views.links.link_plot import Frame
from app.views.links.page import LinksPage
from app.views.links.simulate_dialog import SimulateDialog
from tests.support.console_world import SUN, HandState, PlainTheme, colours_in, link_view
from transfer_core.events import LinkState


@pytest.fixture
def state() -> HandState:
    state = HandState()
    state.set_links(link_view("wifi"), link_view("lte"), link_view("eth0", LinkState.UNUSED, why="no carrier"))
    return state


@pytest.fixture
def history(state) -> LinkHistory:
    return LinkHistory(state)


@pytest.fixture
def theme() -> PlainTheme:
    return PlainTheme()


@pytest.fixture
def page(qtbot, state, history, theme) -> LinksPage:
    page = LinksPage(state, theme, history, clock=lambda: "14:32:07")
    qtbot.addWidget(page)
    page.resize(1140, 690)
    with qtbot.waitExposed(page):
        page.show()
    page.on_shown()
    yield page
    page.on_hidden()


def line(page: LinksPage, link: str = "wifi") -> np.ndarray:
    return np.column_stack(page.card(link).plot.throughput_line())


def test_each_used_link_has_a_card_and_a_row_in_the_table(page) -> None:
    assert page.card("wifi").isVisible()
    assert page.card("lte").isVisible()
    with pytest.raises(KeyError):
        page.card("eth0")
    assert page.table.model().rowCount() == 2


def test_samples_become_a_line_that_ends_at_now(page, state) -> None:
    state.run(30, "wifi")
    page.refresh()
    points = line(page)
    assert len(points) == 300
    assert points[-1, 0] == pytest.approx(0.0, abs=1e-6)
    assert points[0, 0] == pytest.approx(-29.9, abs=1e-6)
    assert (points[:, 1] == points[0, 1]).all()


def test_heights_compare_across_links(page, state) -> None:
    for _ in range(20):
        state.pass_time(0.1)
        state.sample("wifi", rate_bps=80e6)
        state.sample("lte", rate_bps=40e6)
    page.refresh()
    zero = page.card("wifi").plot.height_of_rate(0.0)
    wifi, lte = line(page, "wifi")[-1, 1] - zero, line(page, "lte")[-1, 1] - zero
    assert wifi == pytest.approx(2 * lte)


def test_a_gap_is_no_line(page, state) -> None:
    state.run(5, "wifi")
    for _ in range(10):
        state.pass_time(0.1)
        state.sample("wifi", rate_bps=None, rtt_ms=None)
    state.run(5, "wifi")
    page.refresh()
    assert np.isnan(line(page)[:, 1]).sum() == 10


def test_a_hidden_page_does_nothing(page, state, qtbot) -> None:
    state.run(5, "wifi")
    page.refresh()
    page.on_hidden()
    drawn = page.frames_drawn
    before = line(page)
    state.run(5, "wifi")
    state.change_link("wifi", throughput_bps=1e6)
    qtbot.wait(250)
    assert not page.is_refreshing
    assert page.frames_drawn == drawn
    assert (line(page) == before).all()
    assert page.table.model().index(0, 3).data() == "78.4"


def test_what_happened_while_hidden_is_there_when_shown_again(page, state) -> None:
    page.on_hidden()
    state.run(10, "wifi")
    page.on_shown()
    assert len(line(page)) == 100


def test_a_shown_page_draws_by_itself(page, state, qtbot) -> None:
    drawn = page.frames_drawn
    qtbot.waitUntil(lambda: page.frames_drawn >= drawn + 3)


def test_space_freezes_the_picture_while_data_goes_on_and_space_follows_again(page, state, qtbot) -> None:
    state.run(10, "wifi")
    page.refresh()
    qtbot.keyClick(page, Qt.Key.Key_Space)
    before = line(page)
    assert page.is_frozen
    assert page.toolbar.badge.text().startswith("FROZEN 14:32:07")
    state.run(10, "wifi")
    page.refresh()
    assert (line(page) == before).all()
    qtbot.keyClick(page, Qt.Key.Key_Space)
    assert page.toolbar.badge.text() == "LIVE"
    assert len(line(page)) == 200


def test_another_window_of_a_frozen_picture_still_ends_at_the_freeze(page, state) -> None:
    state.run(10, "wifi")
    page.set_frozen(True)
    state.run(100, "wifi")
    page.show_window(300.0)
    assert len(line(page)) == 100
    assert line(page)[-1, 0] == pytest.approx(0.0, abs=1e-6)


def test_a_frozen_picture_outlives_the_ring_it_was_taken_from(page, state, history) -> None:
    history.rings = SampleRings(capacity=150)
    state.run(10, "wifi")
    page.set_frozen(True)
    state.run(60, "wifi")
    page.show_window(300.0)
    assert len(line(page)) == 100


def test_the_badge_jumps_to_live(page, qtbot) -> None:
    page.set_frozen(True)
    qtbot.mouseClick(page.toolbar.badge, Qt.MouseButton.LeftButton)
    assert not page.is_frozen


@pytest.mark.parametrize(("key", "count"), [(Qt.Key.Key_1, 600), (Qt.Key.Key_2, 900)])
def test_digits_choose_the_window(page, state, qtbot, key, count) -> None:
    state.run(90, "wifi")
    page.setFocus()
    qtbot.keyClick(page, key)
    page.refresh()
    assert count - 2 <= len(line(page)) <= count + 1


def test_half_an_hour_is_drawn_with_at_most_a_point_a_pixel_and_keeps_its_peak(page, state, history) -> None:
    for step in range(17_000):
        state.pass_time(0.1)
        state.sample("wifi", rate_bps=90e6 if step == 8_000 else 10e6)
    page.show_window(1800.0)
    points = line(page)
    assert len(points) <= page.card("wifi").plot.pixels
    peak = page.card("wifi").plot.height_of_rate(90e6)
    assert np.nanmax(points[:, 1]) == pytest.approx(peak)


def test_kill_and_restore_leave_named_markers(page, state) -> None:
    state.run(10, "lte")
    state.mark("lte", "kill")
    state.run(20, "lte")
    state.mark("lte", "restore")
    state.run(15, "lte")
    page.refresh()
    assert page.card("lte").plot.mark_labels == ["restored 14:31:55", "killed 14:31:55"]
    assert page.card("wifi").plot.mark_labels == []
    state.run(40, "lte")
    page.refresh()
    assert page.card("lte").plot.mark_labels == ["restored 14:31:55"]


def test_the_cursor_reads_all_lanes_of_all_links(page, state) -> None:
    state.run(30, "wifi")
    page.refresh()
    page.show_cursor(-10.0)
    assert page.card("wifi").head.right_text == "−10.0 s: 50.0 Mbit/s · RTT 20 ms (16–28) · loss 1.0 %"
    assert page.card("lte").head.right_text == "−10.0 s: —"
    page.show_cursor(None)
    assert page.card("wifi").head.right_text == "no news for 30 s"


def test_the_mouse_moves_the_cursor_of_every_card(page, state, qtbot) -> None:
    state.run(60, "wifi", "lte")
    page.refresh()
    plot = page.card("wifi").plot
    with qtbot.waitSignal(plot.hovered):
        qtbot.mouseMove(plot.viewport(), QPoint(plot.width() - plot.pixels // 2, 40))
    assert page.card("lte").head.right_text.startswith("−")


def test_arrows_move_the_cursor_and_esc_takes_it_away(page, state, qtbot) -> None:
    state.run(60, "wifi")
    page.refresh()
    qtbot.keyClick(page, Qt.Key.Key_Left)
    assert page.card("wifi").head.right_text.startswith("−30.5 s")
    qtbot.keyClick(page, Qt.Key.Key_Right)
    assert page.card("wifi").head.right_text.startswith("−30.0 s")
    qtbot.keyClick(page, Qt.Key.Key_Escape)
    assert page.card("wifi").head.right_text == "no news for 1 min"


def test_the_table_tells_the_score_and_its_four_terms(page) -> None:
    model = page.table.model()
    row = [model.index(0, column).data() for column in range(model.columnCount())]
    assert row[8:13] == ["0.81", "0.78", "0.91", "0.94", "0.72"]


def test_figures_in_the_table_are_dashes_once_lost(page, state) -> None:
    state.pass_time(12)
    page.set_frozen(True)
    page.refresh()
    model = page.table.model()
    assert [model.index(0, column).data() for column in range(3, 13)] == ["—"] * 10
    assert model.index(0, 13).data() == "12 s ago"


def test_the_table_copies_all_figures_with_their_headings(page) -> None:
    page.table.copy_rows()
    lines = QGuiApplication.clipboard().text().splitlines()
    assert lines[0].startswith("link\tstate\trole\tMbit/s")
    assert lines[1].startswith("wifi (dev-wifi)\tup\tprimary\t78.4\t17\t15–22")
    assert len(lines) == 3


def test_another_theme_is_drawn_at_once(page, theme, state) -> None:
    state.run(5, "wifi")
    page.refresh()
    assert SUN.card not in colours_in(page.card("wifi"))
    theme.switch(SUN)
    assert SUN.card in colours_in(page.card("wifi").plot)


def test_every_button_has_a_name_and_a_tip(page) -> None:
    buttons = [button for button in page.findChildren(QAbstractButton) if button.isVisible() and button.text()]
    assert len(buttons) >= 6
    assert [button.text() for button in buttons if not (button.toolTip() and button.accessibleName())] == []


def test_simulate_asks_for_conditions_in_the_units_of_a_simulation_file(qtbot) -> None:
    dialog = SimulateDialog(["wifi", "lte"], "lte")
    qtbot.addWidget(dialog)
    dialog.fields["loss"].setValue(25.0)
    dialog.fields["rate_mbps"].setValue(12.0)
    with qtbot.waitSignal(dialog.simulate_requested) as asked:
        dialog.apply_button.click()
    link, conditions = asked.args
    assert link == "lte"
    assert set(conditions) == {"rate_mbps", "delay_ms", "jitter_ms", "loss", "burst_loss", "queue_ms"}
    assert conditions["loss"] == pytest.approx(0.25)
    assert conditions["rate_mbps"] == 12.0
    with qtbot.waitSignal(dialog.simulate_requested) as asked:
        dialog.clear_button.click()
    assert asked.args == ["lte", None]


def test_plots_with_axes_survive_some_hundred_frames(qtbot) -> None:
    """PySide6 6.12.0 with pyqtgraph 0.14 aborts the process here within a few frames."""
    plot = pg.PlotWidget()
    qtbot.addWidget(plot)
    curve = plot.plot()
    plot.resize(400, 200)
    plot.show()
    x = np.arange(200.0)
    for frame in range(300):
        curve.setData(x, np.sin(x / 10 + frame) * (1 + frame))
        plot.grab()
    assert curve.getData()[1] is not None


def test_cards_are_drawn_one_at_a_time_and_all_at_the_same_moment(page, state, qtbot, monkeypatch) -> None:
    qtbot.waitUntil(lambda: page.frames_drawn >= 2)  # new cards have had their first, whole frame
    drawn = []

    def note(name: str, frame: Frame) -> None:
        drawn.append((name, frame.end_s))
        state.pass_time(0.05)  # before the next card, whenever its turn comes

    for name in ("wifi", "lte"):
        draw = page.card(name).draw
        monkeypatch.setattr(
            page.card(name), "draw", lambda *args, name=name, draw=draw: (note(name, args[2]), draw(*args))
        )
    qtbot.waitUntil(lambda: len(drawn) >= 5)
    begin = [name for name, _ in drawn].index("wifi")  # a frame may have been half drawn
    names, (first, second, third, fourth) = zip(*drawn[begin : begin + 4], strict=True)
    assert names == ("wifi", "lte", "wifi", "lte")
    assert first == second
    assert third == fourth > second


def test_a_picture_that_is_frozen_shows_one_moment_on_all_cards(page, state, qtbot, monkeypatch) -> None:
    ends = []
    for card in (page.card("wifi"), page.card("lte")):
        draw = card.draw
        monkeypatch.setattr(card, "draw", lambda *args, draw=draw: (ends.append(args[2].end_s), draw(*args)))
    qtbot.waitUntil(lambda: len(ends) % 2 == 1)
    state.pass_time(0.05)
    page.set_frozen(True)
    assert ends[-1] == ends[-2] > ends[-3]


@pytest.mark.parametrize(("sure_loss", "is_amber"), [(0.0, False), (0.08, True)])
def test_a_loss_that_may_be_chance_is_drawn_but_not_in_amber(
    page: LinksPage, state: HandState, theme: PlainTheme, sure_loss: float, is_amber: bool
) -> None:
    for _ in range(300):
        state.pass_time(0.1)
        state.sample("wifi", loss=0.08, sure_loss=sure_loss)
    page.refresh()
    colours = colours_in(page.card("wifi").plot)
    assert (theme.tokens.caution in colours) is is_amber
    assert (theme.tokens.band in colours) is True


@pytest.mark.parametrize("name", ["light", "sun"])
def test_three_links_and_why_one_is_silent_stand_in_the_table_of_a_small_page_whole(qtbot, state, name) -> None:
    silent = link_view("lte", LinkState.SILENT, why="nothing comes back")
    state.set_links(link_view("wifi"), silent, link_view("5g"))
    page = LinksPage(state, Theme(name), LinkHistory(state))
    qtbot.addWidget(page)
    page.resize(640, 300)
    with qtbot.waitExposed(page):
        page.show()
    page.on_shown()
    table = page.table
    assert table.verticalScrollBar().maximum() == 0
    room = table.columnWidth(LinkColumn.STATE)
    assert room >= table.fontMetrics().horizontalAdvance("silent: nothing comes back")
    page.on_hidden()


def test_what_is_said_of_a_link_is_greyed_with_the_reason_while_there_is_none(page, state) -> None:
    buttons = [each for each in page.findChildren(QAbstractButton) if each.text() in ("Limits…", "Simulate…")]
    assert [button.isEnabled() for button in buttons] == [True, True]
    state.set_links(link_view("eth0", LinkState.UNUSED, why="no carrier"))
    assert [button.isEnabled() for button in buttons] == [False, False]
    assert all("no link" in button.toolTip() for button in buttons)
    state.set_links(link_view("wifi"))
    assert [button.isEnabled() for button in buttons] == [True, True]


def test_a_long_name_of_a_link_leaves_room_for_how_it_does(page, state) -> None:
    def end_of_head(name: str) -> QImage:
        state.set_links(link_view(name, LinkState.DEGRADED, why="31 % loss"))
        head = page.card(name).head
        QApplication.processEvents()
        return head.grab(QRect(head.width() - 150, 0, 150, head.height())).toImage()

    assert end_of_head("router in the truck " * 8) == end_of_head("wifi")
