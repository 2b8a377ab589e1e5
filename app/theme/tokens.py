"""The colours, spaces and type sizes of the console's three themes, as plain values.

Grey is normal. Saturated colour is kept for two things that never share a hue on purpose: which link carried a byte
(`link_colours`, after Okabe and Ito 2008, so that people with a colour-vision deficiency can tell them apart), and
what needs a hand (`caution`, `serious`, `critical`; always drawn with a shape and a word as well). Sizes are in
logical pixels at a zoom of 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tokens:
    """One theme. Colours are `#rrggbb`."""

    name: str
    is_dark: bool

    # --- surfaces, from the back to the front
    window: str  # behind the pages
    chrome: str  # status bar, link strip, ticker
    card: str  # cards, tables, fields
    raised: str  # buttons, group headings
    raised_hover: str
    border: str
    border_strong: str
    grid: str  # lines inside plots and tables
    track: str  # the part of a bar that is not done
    band: str  # the spread around a plotted line, opaque

    # --- text
    text: str
    muted: str  # labels, units, second lines; still readable on every surface
    text_disabled: str  # switched-off controls only

    # --- interaction
    accent: str  # the one main button, drop line, a running job
    focus: str  # ring around what has the keyboard
    on_accent: str
    selection: str  # selected row
    drop_zone: str

    # --- what needs a hand
    good: str
    caution: str
    serious: str
    critical: str
    caution_surface: str  # behind a banner
    critical_surface: str

    # --- which link
    link_colours: tuple[str, ...]

    # --- type
    font_family: str = ""  # put in by the theme, which knows the system
    small_px: int = 11
    text_px: int = 13
    heading_px: int = 15
    big_px: int = 20
    weight_strong: int = 600

    # --- space
    space_xs: int = 4
    gap_px: int = 8
    space_m: int = 12
    space_l: int = 16
    space_xl: int = 24
    radius: int = 5
    control_height: int = 30
    row_height: int = 42
    group_height: int = 22
    line_px: int = 1  # of plotted curves
    focus_width: int = 2

    def link_colour(self, index: int) -> str:
        """The colour of the link with that place in the fixed order of links; repeats after the last one."""
        return self.link_colours[index % len(self.link_colours)]


LIGHT = Tokens(
    name="light",
    is_dark=False,
    window="#e7e8ec",
    chrome="#f2f3f5",
    card="#fcfcfd",
    raised="#eceef1",
    raised_hover="#e2e5ea",
    border="#d0d3d9",
    border_strong="#858b97",
    grid="#e3e5ea",
    track="#d9dce2",
    band="#c9ced8",
    text="#1b1f27",
    muted="#565c68",
    text_disabled="#9aa0ab",
    accent="#2f5c9c",
    focus="#2f5c9c",
    on_accent="#ffffff",
    selection="#dfe6f3",
    drop_zone="#e6edf8",
    good="#3f7d58",
    caution="#bb7700",
    serious="#c7560a",
    critical="#c22f2f",
    caution_surface="#fbf0d7",
    critical_surface="#fae1df",
    link_colours=("#0072b2", "#d55e00", "#009e73", "#aa4e88", "#3d9bd1", "#b08800", "#5b5f66"),
)

DARK = Tokens(
    name="dark",
    is_dark=True,
    window="#1a1d22",
    chrome="#22262c",
    card="#282d34",
    raised="#343a43",
    raised_hover="#3e454f",
    border="#3a414b",
    border_strong="#7a8391",
    grid="#333941",
    track="#434a55",
    band="#4a5360",
    text="#eceef1",
    muted="#b0b7c1",
    text_disabled="#6c7480",
    accent="#7fa8e0",
    focus="#7fa8e0",
    on_accent="#10141a",
    selection="#2f3d52",
    drop_zone="#2b3a50",
    good="#6fae87",
    caution="#e5a823",
    serious="#ef8436",
    critical="#f0605c",
    caution_surface="#4a3c16",
    critical_surface="#552525",
    link_colours=("#3f9bd8", "#ee7f2d", "#1fb78b", "#d58bb7", "#8fcbf0", "#e8d24a", "#a4a9b1"),
)

SUN = Tokens(
    name="sun",
    is_dark=False,
    window="#ffffff",
    chrome="#ffffff",
    card="#ffffff",
    raised="#eeeeee",
    raised_hover="#dedede",
    border="#6a6a6a",
    border_strong="#000000",
    grid="#c4c4c4",
    track="#c8c8c8",
    band="#b9b9b9",
    text="#000000",
    muted="#2e2e2e",
    text_disabled="#767676",
    accent="#003f8f",
    focus="#003f8f",
    on_accent="#ffffff",
    selection="#cfe0f7",
    drop_zone="#e2edfb",
    good="#00592b",
    caution="#7a4b00",
    serious="#8a3300",
    critical="#a30000",
    caution_surface="#fff0c8",
    critical_surface="#ffe3e0",
    link_colours=("#005a94", "#b84600", "#00704f", "#8a2f6b", "#1c3f7a", "#7a5d00", "#303030"),
    small_px=14,
    text_px=16,
    heading_px=18,
    big_px=24,
    weight_strong=700,
    control_height=36,
    row_height=50,
    group_height=26,
    line_px=2,
    focus_width=3,
)

THEMES: Mapping[str, Tokens] = {tokens.name: tokens for tokens in (LIGHT, DARK, SUN)}
THEME_DEFAULT = LIGHT.name


def relative_luminance(colour: str) -> float:
    """WCAG 2.2 relative luminance of `#rrggbb`, 0 (black) to 1 (white)."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast_ratio(one: str, other: str) -> float:
    """WCAG 2.2 contrast ratio of two colours, 1 to 21."""
    low, high = sorted((relative_luminance(one), relative_luminance(other)))
    return (high + 0.05) / (low + 0.05)
