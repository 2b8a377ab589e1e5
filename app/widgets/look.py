"""The theme as painted widgets need it: QColors and QFonts made once per theme change, not once per paint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from PySide6.QtCore import SignalInstance
from PySide6.QtGui import QColor, QFont

from app.theme.tokens import Tokens


class ThemeLike(Protocol):
    """What a widget needs of `app.theme`."""

    changed: SignalInstance

    @property
    def tokens(self) -> Tokens: ...


@dataclass(frozen=True, slots=True)
class Look:
    """Colours by their use, and four sizes of text with tabular figures."""

    window: QColor
    card: QColor
    border: QColor
    grid: QColor
    text: QColor
    muted: QColor
    focus: QColor
    good: QColor
    caution: QColor
    serious: QColor
    critical: QColor
    band: QColor  # the spread around a line, opaque
    links: tuple[QColor, ...]
    font: QFont
    strong: QFont
    small: QFont
    big: QFont
    gap: int  # px between things that belong together
    line: int  # px, width of a plot line

    def link(self, index: int) -> QColor:
        """A link's own colour, by its place in the fixed order."""
        return self.links[index % len(self.links)]


def look_of(theme: ThemeLike) -> Look:
    """The theme's tokens as colours and fonts."""
    tokens = theme.tokens
    colours = {
        name: QColor(getattr(tokens, name))
        for name in (
            "window",
            "card",
            "border",
            "grid",
            "text",
            "muted",
            "focus",
            "good",
            "caution",
            "serious",
            "critical",
            "band",
        )
    }
    return Look(
        **colours,
        links=tuple(QColor(colour) for colour in tokens.link_colours),
        font=_font(tokens.font_family, tokens.text_px),
        strong=_font(tokens.font_family, tokens.text_px + 1, bold=True),
        small=_font(tokens.font_family, tokens.small_px),
        big=_font(tokens.font_family, tokens.big_px, bold=True),
        gap=tokens.gap_px,
        line=tokens.line_px,
    )


def _font(family: str, size_px: int, *, bold: bool = False) -> QFont:
    font = QFont(family)
    font.setPixelSize(size_px)
    font.setWeight(QFont.Weight.DemiBold if bold else QFont.Weight.Normal)
    font.setFeature(QFont.Tag("tnum"), 1)  # figures of one width
    return font
