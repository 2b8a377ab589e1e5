"""The verbs that console, CLI and REST all call: the wall between those who ask and the engine. One module per subject.

Every verb may block on SQLite or a socket, so the GUI calls them from a worker thread. All of them are safe to call
from any thread. Failures are raised as errors of `transfer_core.errors`. May import: the vocabulary.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transfer_core.service.sync import SyncService
    from transfer_core.service.transfer import TransferService
    from transfer_core.service.uploads import DestinationTest, NewDestination, UploadLimits, UploadService, WebhookView
    from transfer_core.service.values import AddResult, ChunkMap, Settings, Subscription, Token

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

_HOMES = {
    "AddResult": "values",
    "ChunkMap": "values",
    "DestinationTest": "uploads",
    "NewDestination": "uploads",
    "Settings": "values",
    "Subscription": "values",
    "SyncService": "sync",
    "Token": "values",
    "TransferService": "transfer",
    "UploadLimits": "uploads",
    "UploadService": "uploads",
    "WebhookView": "uploads",
}


def __getattr__(name: str) -> Any:
    """From its module, imported with the first of its names: an agent that starts needs few of them."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
