"""The menu of all commands that can be given on the page in front, in the order of the table of commands."""

from __future__ import annotations

from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QWidget

from app.actions import COMMANDS, WINDOW, Command

MENUS = (
    *("Queue", "Order", "Links", "Cameras", "Destinations", "Sync", "Telemetry"),
    *("History", "Log", "Settings", "View", "Help"),
)


def command_menu(window: QWidget, page: QWidget) -> QMenu:
    """Made anew each time, since every page has other commands."""
    menu = QMenu(window)
    go = menu.addMenu("Go to")
    go.addActions([action for action in window.actions() if action.objectName().startswith("page.")])
    by_menu: dict[str, list[QAction]] = {name: [] for name in MENUS}
    for command in COMMANDS.values():
        action = _action_of(command, window, page)
        if command.menu and action is not None:
            by_menu[command.menu].append(action)
    for name, actions in by_menu.items():
        if actions:
            menu.addMenu(name).addActions(actions)
    return menu


def _action_of(command: Command, window: QWidget, page: QWidget) -> QAction | None:
    action = window.findChild(QAction, command.name)
    if action is None or command.page == WINDOW:
        return action
    owner = action.parent()
    return action if owner is page or (isinstance(owner, QWidget) and page.isAncestorOf(owner)) else None
