"""Every command of the console in one table: menus, buttons, keys, tool tips and the sheet of shortcuts read it.

A command's name begins with its page (`queue.pause`), or with `window` when it holds everywhere. A page's keys count
only while the page has the keyboard, so two pages may use one key; no page uses a key of `window`. The keys that lead
to the pages, Ctrl+1 and on, follow the order of the pages and are made by the window.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QWidget

from app.figures import plain_tip

WINDOW = "window"


@dataclass(frozen=True, slots=True)
class Command:
    """`key` is in Qt's portable notation, several split by `; `. `menu` is empty for what is in no menu.

    A widget key is acted on by a widget itself while it has the keyboard; no action has it as a shortcut.
    """

    name: str
    text: str
    key: str = ""
    tip: str = ""
    menu: str = ""
    is_widget_key: bool = False

    @property
    def page(self) -> str:
        """The page that it belongs to, or `window`."""
        return self.name.partition(".")[0]

    @property
    def keys(self) -> tuple[QKeySequence, ...]:
        """All its keys, the main one first."""
        return tuple(QKeySequence(key) for key in self.key.split("; ") if key)

    @property
    def key_text(self) -> str:
        """The main key as this system writes it; empty without one."""
        keys = self.keys
        return keys[0].toString(QKeySequence.SequenceFormat.NativeText) if keys else ""

    def tool_tip(self, tip: str = "") -> str:
        """What it does, and its key."""
        words = tip or self.tip or self.text.rstrip("…")
        return f"{words}  ({self.key_text})" if self.key else words


_TABLE = (
    # --- everywhere
    Command("window.add_files", "Add files…", "Ctrl+O", "Choose files to queue", "Queue"),
    Command("window.add_folder", "Add folder…", "Ctrl+Shift+O", "Choose a folder; the files in it are queued", "Queue"),
    Command("window.pair", "Pair…", "Ctrl+P", "Paste the token of a relay to send to", "Queue"),
    Command("window.pause_all", "Pause all", "Ctrl+Shift+P", "Send nothing until you resume", "Queue"),
    Command("window.worst", "Go to what needs a hand", "F8", "Show the place of the worst state", "View"),
    Command("window.strip", "Go to the links", "F6", "Give the link tiles the keyboard", "View"),
    Command("window.theme", "Theme", "Ctrl+Shift+L", "Light, dark, or for bright sun", "View"),
    Command("window.zoom_in", "Larger", "Ctrl++; Ctrl+=", "Larger type and rows", "View"),
    Command("window.zoom_out", "Smaller", "Ctrl+-", "Smaller type and rows", "View"),
    Command("window.zoom_reset", "Normal size", "Ctrl+0", "Type and rows as they were made", "View"),
    Command("window.menu", "Menu", "F10", "All commands"),
    Command("window.shortcuts", "Keys", "F1; ?", "All keys, by page", "Help"),
    Command("window.about", "About DRS-SYNC", "", "Version, licence, where things are kept", "Help"),
    Command(
        "window.restart_engine", "Start the engine again", "Ctrl+Shift+E", "Where it stopped and was left alone", "Help"
    ),
    Command("window.quit", "Quit", "Ctrl+Q", "Stop sending and close; the queue is kept", "Help"),
    Command("window.undo", "Undo what was just done", "Ctrl+Shift+Z", "Take back what the message at the foot says"),
    Command("window.help_banner", "Do what helps", "Ctrl+H", "Do what the message on top offers"),
    Command("window.copy_banner", "Copy the message", "Ctrl+Shift+H", "Copy the whole message with its code"),
    Command("window.close_banner", "Put the message away", "Ctrl+Shift+M", "It comes back when it gets worse"),
    # --- the link tiles, which stand beside every page
    Command("window.tile", "Go to link 1 to 9", "Alt+1", "Give that link's tile the keyboard", is_widget_key=True),
    Command("window.kill", "Kill or restore the link of the tile", "K", is_widget_key=True),
    Command("window.dismiss", "Close a dialog, or stop looking for words", "Esc", is_widget_key=True),
    # --- Queue
    Command("queue.pause", "Pause", "P", "Hold the selected files where they are, or let them go on", "Queue"),
    Command("queue.cancel", "Cancel", "Ctrl+Del", "Give the selected files up", "Queue"),
    Command("queue.retry", "Retry", "R", "Queue what failed or was cancelled again", "Queue"),
    Command("queue.remove", "Remove", "Del", "Take the selected files off the list; can be undone", "Queue"),
    Command("queue.clear", "Clear what has arrived", "Ctrl+Shift+Del", "Take arrived files off the list", "Queue"),
    Command("queue.up", "Move up", "Alt+Up", "One place up", "Order"),
    Command("queue.down", "Move down", "Alt+Down", "One place down", "Order"),
    Command("queue.top", "Move to the top", "Alt+Home", "Send before everything else", "Order"),
    Command("queue.bottom", "Move to the bottom", "Alt+End", "Send after everything else", "Order"),
    Command("queue.move", "Move to…", "Ctrl+M", "To a place or a priority that you name", "Order"),
    Command("queue.priority", "Priority…", "Alt+P", "Give the selected files another priority", "Order"),
    Command("queue.undo", "Undo", "Ctrl+Z", "Take back the last move, priority or removal", "Order"),
    Command("queue.copy", "Copy", "Ctrl+C", "Copy the selected rows as text", "Queue"),
    Command("queue.copy_error", "Copy error", "Ctrl+Shift+C", "Copy the error with its code and the file", "Queue"),
    Command("queue.find", "Find in queue", "Ctrl+F", "Show only rows with all these words", "View"),
    Command("queue.details", "Details", "F4", "Show or hide the panel with one file in full", "View"),
    Command("queue.columns", "Columns as made", "Ctrl+Shift+0", "Order and widths of the columns as made", "View"),
    # --- Links
    Command("links.minute", "1 min", "1", "Show the last minute", "View"),
    Command("links.five_minutes", "5 min", "2", "Show the last five minutes", "View"),
    Command("links.half_hour", "30 min", "3", "Show the last half hour", "View"),
    Command("links.freeze", "Freeze", "Space", "Hold the picture; the data goes on", "View", is_widget_key=True),
    Command("links.limits", "Limits…", "L", "Say what a link may: its role, a cap, a data plan", "Links"),
    Command("links.simulate", "Simulate…", "S", "Lay made-up conditions over a link", "Links"),
    Command("links.copy", "Copy", "Ctrl+C", "Copy the table's rows as text"),
    Command("links.cursor", "Move the reading line", "Left", "Left and Right; Esc takes it away", is_widget_key=True),
    # --- Cameras
    Command("cameras.add", "Watch a folder…", "Ctrl+N", "Send each file of a folder once it is complete", "Cameras"),
    Command("cameras.import", "Import…", "Ctrl+I", "Watch the cameras of a camera_config.json", "Cameras"),
    Command("cameras.trigger", "Trigger…", "T", "Send frames of all armed cameras from one frame on", "Cameras"),
    Command("cameras.pause", "Pause", "P", "Take no new frames of the chosen camera, or go on", "Cameras"),
    Command("cameras.rescan", "Look again", "F5", "Look at everything in its folder again", "Cameras"),
    Command(
        "cameras.remove", "Forget", "Del", "Forget the chosen camera once it is paused; no file is deleted", "Cameras"
    ),
    Command("cameras.copy", "Copy", "Ctrl+C", "Copy the chosen card as text", "Cameras"),
    Command("cameras.choose", "Choose a card", "Right", "Arrow keys lead from card to card", is_widget_key=True),
    # --- Destinations
    Command("destinations.add", "Add…", "Ctrl+N", "Keep an upload server or a bucket as a destination", "Destinations"),
    Command("destinations.test", "Test", "T", "Ask the chosen one whether it is there", "Destinations"),
    Command("destinations.retry", "Retry failed", "R", "Queue everything that failed again", "Destinations"),
    Command(
        "destinations.remove", "Forget…", "Del", "Forget the chosen one, if nothing is queued for it", "Destinations"
    ),
    Command("destinations.copy", "Copy", "Ctrl+C", "Copy the chosen row as text"),
    Command("destinations.paint", "Paint hours", "Space", "Give the marked hours a cap", is_widget_key=True),
    # --- Sync
    Command("sync.overview", "Overview", "1", "Folders, machines and files", "View"),
    Command("sync.topology", "Topology", "2", "Who is connected, over which links", "View"),
    Command("sync.versions", "Versions", "3", "The causal history of the chosen file", "View"),
    Command("sync.delta", "Delta", "4", "Bytes saved, by file and in all", "View"),
    Command("sync.monitor", "Monitor", "5", "Live progress and events", "View"),
    Command("sync.share", "Share…", "Ctrl+N", "Share a folder through a relay", "Sync"),
    Command("sync.accept", "Accept…", "Ctrl+I", "Take part in a folder that a relay has", "Sync"),
    Command("sync.pause", "Pause", "P", "Hold the chosen folder, or let it go on; edits are kept", "Sync"),
    Command("sync.deletes", "Deletes are meant", "Ctrl+D", "Yes, more than half was deleted on purpose", "Sync"),
    Command("sync.leave", "Leave", "Ctrl+Del", "Share the chosen folder no more here; all files stay", "Sync"),
    Command("sync.mine", "Keep mine", "M", "Keep what was edited on this machine; the other goes to the trash", "Sync"),
    Command("sync.theirs", "Keep theirs", "T", "Keep the other machine's; what was edited here goes to trash", "Sync"),
    Command("sync.both", "Keep both", "B", "Keep both, each under a name of its own", "Sync"),
    Command("sync.next", "Next conflict", "N", "Show the next conflict", "Sync"),
    Command("sync.copy", "Copy", "Ctrl+C", "Copy the selected rows as text, or all"),
    Command("sync.find", "Find in files", "Ctrl+F", "Only files whose path has these words", "View"),
    Command("sync.folders", "Go to the folders", "Shift+F"),
    Command("sync.files", "Go to the files", "F"),
    Command("sync.machines", "Go to the machines", "Shift+M"),
    Command("sync.vectors", "Go to the version vectors", "V"),
    Command("sync.savings", "Go to the bytes by file", "Shift+B"),
    Command("sync.events", "Go to the events", "E"),
    # --- Telemetry
    Command("telemetry.listen", "Listen…", "L", "Show what arrives at a UDP port, without recording it", "Telemetry"),
    Command("telemetry.race", "New race…", "N", "Record a UDP port as a race", "Telemetry"),
    Command("telemetry.end", "End race", "E", "Stop recording; it is sealed and queued by itself", "Telemetry"),
    Command("telemetry.mark", "Mark", "M", "Name this moment of the race or the replay", "Telemetry"),
    Command("telemetry.join", "Join…", "J", "Enter a pilot or a viewer in a race", "Telemetry"),
    Command("telemetry.alarms", "Alarms…", "A", "Say from where on something needs a hand", "Telemetry"),
    Command("telemetry.open", "Open…", "O", "Open a recording or a sealed race; or drop it on the page", "Telemetry"),
    Command("telemetry.replay", "Replay", "R", "Show the selected race again", "Telemetry"),
    Command("telemetry.compare", "Compare", "C", "Lay the selected race beside another one", "Telemetry"),
    Command("telemetry.export", "Export…", "X", "Write the selected race as CSV, Parquet or MCAP", "Telemetry"),
    Command(
        "telemetry.delete", "Delete race", "Shift+Del", "Delete the selected race; undo brings it back", "Telemetry"
    ),
    Command("telemetry.live", "Back to live", "B", "Leave the replay or the comparison", "Telemetry"),
    Command("telemetry.play", "Play", "P", "Play or hold the replay", "Telemetry"),
    Command("telemetry.back", "Step back", "Ctrl+Left", "One datagram back"),
    Command("telemetry.step", "Step on", "Ctrl+Right", "One datagram on"),
    Command("telemetry.slower", "Slower", "Shift+S", "Half the speed, down to 0.1"),
    Command("telemetry.faster", "Faster", "Shift+F", "Twice the speed, up to 50"),
    Command("telemetry.loop", "Loop", "Shift+L", "Repeat the last ten seconds; again to end that"),
    Command("telemetry.ten", "10 s", "1", "Show the last ten seconds", "View"),
    Command("telemetry.thirty", "30 s", "2", "Show the last thirty seconds", "View"),
    Command("telemetry.minute", "1 min", "3", "Show the last minute", "View"),
    Command("telemetry.freeze", "Freeze", "Space", "Hold the picture; the data goes on", "View", is_widget_key=True),
    Command("telemetry.cursor", "Move the reading line", "Left", "Left and Right; Esc", is_widget_key=True),
    Command("telemetry.find", "Find channel", "Ctrl+F", "Only channels with all these words", "View"),
    Command("telemetry.find_race", "Find race", "Ctrl+G", "Only races whose name, owner or pilots have these words"),
    Command("telemetry.copy", "Copy", "Ctrl+C", "Copy the table's rows as text"),
    # --- History
    Command("history.retry", "Retry", "R", "Queue failed or cancelled files again", "History"),
    Command("history.copy", "Copy", "Ctrl+C", "Copy the selected rows as text", "History"),
    Command("history.copy_error", "Copy error", "Ctrl+Shift+C", "Copy the errors of the selected rows", "History"),
    Command("history.find", "Find in history", "Ctrl+F", "Only files whose name or place has these words", "View"),
    # --- Log
    Command("log.severity", "Severity", "Alt+V", "Show only notices at least so severe"),
    Command("log.follow", "Follow", "End", "Keep the newest line in view", "View"),
    Command("log.copy", "Copy", "Ctrl+C", "Copy the selected lines with their errors, or all shown", "Log"),
    Command("log.find", "Find in log", "Ctrl+F", "Only lines with all these words", "View"),
    # --- Settings
    Command("settings.save", "Save", "Ctrl+S", "Keep these settings, and act on them at once", "Settings"),
    Command("settings.discard", "Discard", "Ctrl+Backspace", "Back to what is saved", "Settings"),
    Command("settings.browse", "Choose…", "Ctrl+Shift+D", "Choose the folder to receive into", "Settings"),
    Command("settings.receive", "Start receiving", "Ctrl+Shift+R", "Host a relay in this console", "Settings"),
    Command("settings.token", "Show a pairing token", "Ctrl+Shift+T", "One agent can pair with it once", "Settings"),
    Command("settings.copy_token", "Copy token", "Ctrl+Shift+Y", "Copy the pairing token", "Settings"),
)
COMMANDS: Mapping[str, Command] = {command.name: command for command in _TABLE}


def make_action(name: str, owner: QWidget, slot: Callable[[], object]) -> QAction:
    """The action of a command, added to its owner; KeyError if the table lacks it.

    Its key counts everywhere for a command of `window`, else while `owner` or something in it has the keyboard.
    """
    command = COMMANDS[name]
    action = QAction(command.text, owner)
    action.setObjectName(name)
    if not command.is_widget_key:
        action.setShortcuts(list(command.keys))
    everywhere = command.page == WINDOW
    action.setShortcutContext(
        Qt.ShortcutContext.WindowShortcut if everywhere else Qt.ShortcutContext.WidgetWithChildrenShortcut
    )
    action.setToolTip(plain_tip(command.tool_tip()))
    action.triggered.connect(lambda _checked=False: slot())
    owner.addAction(action)
    return action


def offer(action: QAction, why_not: str = "") -> None:
    """Let a command be used; or grey it, and have its tool tip say why it can do nothing just now."""
    command = COMMANDS[action.objectName()]
    action.setEnabled(not why_not)
    action.setToolTip(plain_tip(command.tool_tip(why_not)))


def name_field(name: str, field: QWidget) -> None:
    """Give a field the words of the command that leads to it."""
    command = COMMANDS[name]
    field.setAccessibleName(command.text)
    field.setToolTip(plain_tip(command.tool_tip()))
