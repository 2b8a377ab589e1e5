"""Distances that all pages share, in px at any zoom."""

from __future__ import annotations

MARGINS = (14, 12, 14, 12)  # around a page: left, top, right, bottom
CARD = (16, 12, 16, 12)  # inside a card of fields
GAP = 10  # between the parts of a page, and between cards
BESIDE = 8  # between what stands side by side, and between the rows of a form
LABEL = 14  # between a label and its field
