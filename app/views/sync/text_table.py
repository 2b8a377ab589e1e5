"""The tables of the Sync page: rows of texts, one command that leads to each, one that copies."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from app.actions import COMMANDS, make_action
from app.models.rows_model import RowsModel
from app.models.table_model import SUBJECT_ROLE
from app.widgets.look import Look
from app.widgets.row_table import Columns, RowTable


class TextTable(RowTable):
    """`command` gives it the keyboard, and tells its key. The column `wide` takes what room is left;
    `dropped` are left out where there is none, see `Columns`."""

    def __init__(
        self,
        model: RowsModel,
        look: Look,
        name: str,
        command: str,
        page: QWidget,
        *,
        wide: int = 0,
        samples: Sequence[str] = (),
        dropped: Sequence[Sequence[int]] = (),
    ) -> None:
        columns = Columns(dict(enumerate(samples)), wide=wide, dropped=dropped)
        super().__init__(model, look, name, COMMANDS[command].tool_tip(), columns)
        self._rows = model
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        make_action(command, page, lambda: self.setFocus(Qt.FocusReason.ShortcutFocusReason))
        make_action("sync.copy", self, self.copy_rows)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)

    def chosen(self) -> list[object]:
        """The subjects of the selected rows."""
        return [index.data(SUBJECT_ROLE) for index in self.selectionModel().selectedRows()]

    def choose(self, subject: object) -> None:
        """Select the row of a subject."""
        rows = [number for number, row in enumerate(self._rows.rows) if row.subject == subject]
        if rows:
            self.choose_rows(rows[:1])
