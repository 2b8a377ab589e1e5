"""The pages of the console, in the order of their tabs and of the keys Ctrl+1 and on."""

from __future__ import annotations

from collections.abc import Callable

from app.views.cameras.page import CamerasPage
from app.views.destinations.page import DestinationsPage
from app.views.history.page import HistoryPage
from app.views.links.page import LinksPage
from app.views.log.page import LogPage
from app.views.page import Page, Parts
from app.views.queue.page import QueuePage
from app.views.settings.page import SettingsPage
from app.views.sync.page import SyncPage
from app.views.telemetry.page import TelemetryPage

PAGES: tuple[Callable[[Parts], Page], ...] = (
    lambda parts: QueuePage(parts.state, parts.theme, parts.actions),
    lambda parts: LinksPage(parts.state, parts.theme, parts.link_history),
    lambda parts: CamerasPage(parts.state, parts.theme),
    lambda parts: DestinationsPage(parts.state, parts.theme),
    lambda parts: SyncPage(parts.state, parts.theme),
    lambda parts: TelemetryPage(parts.state, parts.theme),
    lambda parts: HistoryPage(parts.state, parts.theme),
    lambda parts: LogPage(parts.state, parts.theme),
    lambda parts: SettingsPage(parts.state, parts.theme),
)


def make_pages(parts: Parts) -> tuple[Page, ...]:
    """One of each."""
    return tuple(make(parts) for make in PAGES)
