"""The verbs that console, CLI and REST all call: the wall between those who ask and the engine. One module per subject.

Every verb may block on SQLite or a socket, so the GUI calls them from a worker thread. All of them are safe to call
from any thread. Failures are raised as errors of `transfer_core.errors`. May import: the vocabulary.
"""

from transfer_core.service.sync import SyncService
from transfer_core.service.transfer import (
    AddResult,
    ChunkMap,
    Settings,
    Subscription,
    Token,
    TransferService,
)
from transfer_core.service.uploads import DestinationTest, NewDestination, UploadLimits, UploadService, WebhookView

__all__ = [
    "AddResult",
    "ChunkMap",
    "DestinationTest",
    "NewDestination",
    "Settings",
    "Subscription",
    "SyncService",
    "Token",
    "TransferService",
    "UploadLimits",
    "UploadService",
    "WebhookView",
]
