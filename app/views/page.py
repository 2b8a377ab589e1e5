"""What every page of the console is: a widget with a name, that works only while it is shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from app.models.console_state import ConsoleState
from app.models.link_history import LinkHistory
from app.theme.theme import Theme
from app.widgets.measures import GAP, MARGINS
from app.widgets.plain_label import PlainLabel
from transfer_core.errors import DrsError


class ServiceCalls(Protocol):
    """The way to the service's verbs; `workers.ServiceThread` is one. Answers come back in the GUI thread."""

    def call(
        self,
        verb: str,
        *args: Any,
        on_result: Callable[[Any], None] | None = None,
        on_error: Callable[[DrsError], None] | None = None,
        **kwargs: Any,
    ) -> None:
        """Run `service.verb(*args, **kwargs)` off the GUI thread."""
        ...


@dataclass(frozen=True, slots=True)
class Parts:
    """What a page is made of."""

    state: ConsoleState
    theme: Theme
    link_history: LinkHistory
    actions: Mapping[str, QAction] = field(default_factory=dict)  # those of the window, by name


def page_column(page: QWidget) -> QVBoxLayout:
    """What a page's rows stand in, with the same margins on every page."""
    column = QVBoxLayout(page)
    column.setContentsMargins(*MARGINS)
    column.setSpacing(GAP)
    return column


def empty_label(text: str) -> QLabel:
    """What stands in the place of a list without rows: what will come there, and what to do for that."""
    label = PlainLabel(text, alignment=Qt.AlignmentFlag.AlignCenter, wordWrap=True)
    label.setProperty("kind", "empty")
    label.setMargin(16)
    return label


class Page(QWidget):
    """Base of the pages. `name` is the prefix of its commands and what `--page` takes; `title` is on its tab."""

    name = ""
    title = ""

    failed = Signal(object)  # DrsError: shown in a window of its own, with Copy
    place_wanted = Signal(str, str)  # another page by its name, and a subject on it
    noted = Signal(str)  # something to know that does not last
    done = Signal(str, object)  # what was just done, and a function that takes it back, or None

    def connect_to(self, service: ServiceCalls) -> None:
        """Connect the page's wishes to the service's verbs, and their answers to the page."""

    def on_shown(self) -> None:
        """Begin to work."""

    def on_hidden(self) -> None:
        """Stop working."""

    @property
    def first_focus(self) -> QWidget:
        """What gets the keyboard when the page is opened."""
        return self

    def show_subject(self, subject: str) -> None:
        """Show one thing on the page: a job by its file id, a link by its name."""

    def layout_widgets(self) -> dict[str, QWidget]:
        """Splitters and tables by name, whose sizes are kept from one run to the next."""
        return {}

    def take_focus(self) -> None:
        """Give the keyboard to the page, unless something in it has it."""
        if not self.isAncestorOf(self.window().focusWidget()):
            self.first_focus.setFocus(Qt.FocusReason.OtherFocusReason)
