"""The themes: readable by measure, one vocabulary, and switched while widgets look on."""

from __future__ import annotations

import re
from dataclasses import fields
from importlib import resources

import pytest
from PySide6.QtCore import QEvent
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from app.theme.stylesheet import stylesheet
from app.theme.theme import ZOOM_STEPS, Theme
from app.theme.tokens import THEMES, Tokens, contrast_ratio
from app.widgets.look import look_of

SURFACES = ("window", "chrome", "card", "raised", "raised_hover", "selection", "drop_zone")
BANNERS = ("caution_surface", "critical_surface")
LEAST_TEXT = {"light": 4.5, "dark": 4.5, "sun": 7.0}
LEAST_SHAPE = 3.0  # WCAG 2.2, 1.4.11: what is no text but means something


@pytest.fixture(params=THEMES.values(), ids=THEMES.keys())
def tokens(request) -> Tokens:
    return request.param


def test_the_contrast_measure_agrees_with_the_published_ends() -> None:
    assert contrast_ratio("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast_ratio("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
    assert contrast_ratio("#123456", "#123456") == pytest.approx(1.0)


def test_every_text_can_be_read_on_every_surface(tokens: Tokens) -> None:
    pairs = [("text", back) for back in SURFACES + BANNERS] + [("muted", back) for back in SURFACES]
    pairs.append(("on_accent", "accent"))
    found = {pair: contrast_ratio(getattr(tokens, pair[0]), getattr(tokens, pair[1])) for pair in pairs}
    assert {pair: round(ratio, 2) for pair, ratio in found.items() if ratio < LEAST_TEXT[tokens.name]} == {}


def test_severities_focus_and_links_stand_out_where_they_are_drawn(tokens: Tokens) -> None:
    marks = {name: getattr(tokens, name) for name in ("good", "caution", "serious", "critical", "focus", "accent")}
    marks |= {f"link {place}": colour for place, colour in enumerate(tokens.link_colours[:4])}
    found = {
        (name, back): contrast_ratio(colour, getattr(tokens, back))
        for name, colour in marks.items()
        for back in ("card", "chrome")
    }
    assert {pair: round(ratio, 2) for pair, ratio in found.items() if ratio < LEAST_SHAPE} == {}


def test_the_edges_of_fields_and_the_arrows_in_them_stand_out(tokens: Tokens) -> None:
    """1.4.11 again: where to write, and what to press, is told by these lines alone."""
    assert contrast_ratio(tokens.border_strong, tokens.card) >= LEAST_SHAPE
    for direction in ("up", "down", "left", "right"):
        picture = (resources.files("resources") / "icons" / f"chevron-{direction}-{tokens.name}.svg").read_text()
        (colour,) = set(re.findall("#[0-9a-f]{6}", picture))
        assert contrast_ratio(colour, tokens.card) >= LEAST_TEXT[tokens.name]


def test_no_link_has_the_colour_of_a_severity(tokens: Tokens) -> None:
    severities = {tokens.good, tokens.caution, tokens.serious, tokens.critical}
    assert severities.isdisjoint(tokens.link_colours)
    assert len(set(tokens.link_colours)) == len(tokens.link_colours) >= 7


def test_every_colour_is_one_that_qt_knows(tokens: Tokens) -> None:
    texts = [getattr(tokens, field.name) for field in fields(tokens) if field.type == "str" and field.name != "name"]
    texts = [text for text in texts if text] + list(tokens.link_colours)
    assert [text for text in texts if not (text.startswith("#") and QColor.isValidColorName(text))] == []


def test_the_style_sheet_names_only_tokens_that_exist(tokens: Tokens) -> None:
    assert "$" not in stylesheet(tokens)


def test_cycling_goes_through_all_themes_and_tells_each_time(qtbot) -> None:
    theme = Theme()
    seen = []
    theme.changed.connect(lambda: seen.append(theme.name))
    for _ in THEMES:
        theme.cycle()
    assert seen == ["dark", "sun", "light"]


def test_an_unknown_theme_or_zoom_leaves_what_was(qtbot) -> None:
    theme = Theme("no such theme", 7.0)
    theme.set_name("nor this")
    theme.set_zoom(0.3)
    assert (theme.name, theme.zoom) == ("light", 1.0)


def test_zoom_makes_type_and_rows_larger_and_stops_at_its_ends(qtbot) -> None:
    theme = Theme()
    plain = theme.tokens
    theme.zoom_by(1)
    assert theme.tokens.text_px > plain.text_px
    assert theme.tokens.row_height > plain.row_height
    theme.zoom_by(99)
    assert theme.zoom == ZOOM_STEPS[-1]
    theme.zoom_by(-99)
    assert theme.zoom == ZOOM_STEPS[0]


def test_painted_widgets_get_their_look_from_the_real_theme(qtbot) -> None:
    theme = Theme("sun")
    look = look_of(theme)
    assert look.text.name() == theme.tokens.text
    assert look.link(0) == theme.link_colour(0)
    assert look.font.family() == theme.tokens.font_family != ""


def test_figures_have_one_width_in_the_theme_s_font(qtbot) -> None:
    theme = Theme()
    assert theme.text_width("1111.1") == theme.text_width("8888.8")


def test_installing_dresses_the_application_and_follows_changes(qapp) -> None:
    before = qapp.styleSheet(), qapp.palette(), qapp.font()
    try:
        theme = Theme("dark")
        theme.install(qapp)
        assert qapp.palette().color(QPalette.ColorRole.Window).name() == theme.tokens.window
        theme.set_name("sun")
        assert qapp.palette().color(QPalette.ColorRole.Window).name() == THEMES["sun"].window
        assert THEMES["sun"].focus in qapp.styleSheet()
    finally:
        qapp.setStyleSheet(before[0])
        qapp.setPalette(before[1])
        qapp.setFont(before[2])


def test_what_a_field_would_hold_can_be_read_too(qtbot, tokens: Tokens) -> None:
    for kind in (QLineEdit, QPlainTextEdit):
        field = kind(placeholderText="as the relay calls itself")
        field.setStyleSheet(stylesheet(tokens))
        qtbot.addWidget(field)
        with qtbot.waitExposed(field):
            field.show()
        assert field.palette().color(QPalette.ColorRole.PlaceholderText).name() == tokens.muted


class Dressed(QWidget):
    """Counts how often it is told of another style."""

    told = 0

    def changeEvent(self, event: QEvent) -> None:
        self.told += event.type() == QEvent.Type.StyleChange
        super().changeEvent(event)


def test_a_change_of_theme_dresses_a_widget_twice_however_deep_it_lies(qtbot, qapp) -> None:
    """Once off and once on. Changed in place, a style sheet would dress it again for each of its parents."""
    theme, sheet = Theme("light"), qapp.styleSheet()
    outer = QWidget()
    qtbot.addWidget(outer)
    inner = outer
    for _ in range(12):
        inner = Dressed(inner)
    try:
        theme.install(qapp)
        outer.show()
        inner.told = 0
        theme.set_name("dark")
        assert 1 <= inner.told <= 2
        assert inner.palette().color(QPalette.ColorRole.WindowText).name() == theme.tokens.text
    finally:
        qapp.setStyleSheet(sheet)


def test_all_fields_of_a_form_are_as_high_as_a_button(qtbot, qapp) -> None:
    sheet = Theme("sun").stylesheet()
    row = QWidget()
    qtbot.addWidget(row)
    layout = QVBoxLayout(row)
    fields = [QLineEdit(), QSpinBox(), QDoubleSpinBox(), QComboBox(), QPushButton("Add")]
    for each in fields:
        layout.addWidget(each)
    row.setStyleSheet(sheet)
    row.adjustSize()
    assert [each.height() for each in fields] == [Theme("sun").tokens.control_height] * len(fields)
