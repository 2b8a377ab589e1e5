"""Keeps all shared folders of a process: one thread that owns their nodes, and does what watchers and peers bring.

Theory of operation. Everything that happens comes in as a call: a watcher says which paths changed, the post brings a
parcel, a verb asks. After each round of calls, folders with something to look at are looked at, those with something to
do do it, and those whose time has come are scanned as a whole. Deletes that come in number wait for a whole scan, which
knows when to ask a person. What fails keeps its folder waiting and is tried again; the other folders go on.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Protocol

from transfer_core.clock import Clock
from transfer_core.errors import DrsError
from transfer_core.events.sync import SyncFolderView, SyncHappening
from transfer_core.sync.folder import SharedFolder
from transfer_core.sync.parcel import Parcel, encode_parcel
from transfer_core.sync.shares import Share, ShareStore
from transfer_core.units import NS_PER_MS, NS_PER_S

_LOG = logging.getLogger(__name__)
TURN_S = 0.25
SAY_NS = 500 * NS_PER_MS
RETRY_NS = 5 * NS_PER_S


class Carrier(Protocol):
    """Takes parcels to peers. Called in the keeper's thread."""

    def carry(self, peer: str, data: bytes, *, urgent: bool, delivered: Callable[[], None] | None) -> None:
        """Bring it there some time; `delivered` may be called from any thread."""
        ...


class Keeper:
    """See the module."""

    def __init__(
        self,
        name: str,
        store: ShareStore,
        carrier: Carrier,
        clock: Clock,
        new_replica: Callable[[], str],
        on_views: Callable[[tuple[SyncFolderView, ...]], None],
        on_happenings: Callable[[tuple[SyncHappening, ...]], None],
        on_folders: Callable[[str], None],
    ) -> None:
        """`on_folders`: called in the keeper's thread with the name of a folder that was opened, '' after a close."""
        self._on_folders, self._retry_ns = on_folders, dict[str, int]()
        self.name, self.store, self.folders = name, store, dict[str, SharedFolder]()
        self._carrier, self._clock, self._new_replica = carrier, clock, new_replica
        self._on_views, self._on_happenings = on_views, on_happenings
        self._inbox: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._version: int | None = None
        self._said_ns = 0
        self._views: tuple[SyncFolderView, ...] = ()
        self._thread = threading.Thread(target=self._run, name="sync", daemon=True)
        self.failure: BaseException | None = None
        self.chores: list[Callable[[], None]] = []  # done each turn, in the keeper's thread; set before `start`

    # --- any thread

    def start(self) -> None:
        """Open the folders and begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after what is under way; nothing is lost."""
        self._stopping.set()
        self.call(lambda: None)
        if self._thread.is_alive():
            self._thread.join(30)

    def call(self, call: Callable[[], None]) -> None:
        """Have the keeper's thread make this call."""
        self._inbox.put(call)

    # --- the keeper's thread

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self.turn(0.0 if any(folder.is_busy for folder in self.folders.values()) else TURN_S)
        except BaseException as error:
            self.failure = error
            _LOG.exception("folder sync ended")
            raise
        finally:
            for folder in self.folders.values():
                folder.close()

    def turn(self, timeout_s: float = TURN_S) -> None:
        """Wait for something to do, and do all that there is."""
        self._follow_shares()
        try:
            self._inbox.get(timeout=timeout_s)()
            for _ in range(1000):
                self._inbox.get_nowait()()
        except queue.Empty:
            pass
        now_ns = self._clock.monotonic_ns()
        self._retry(now_ns)
        for folder in self.folders.values():
            folder.turn(now_ns)
        for chore in self.chores:
            chore()
        self._say(now_ns)

    def _follow_shares(self) -> None:
        version = self.store.version()
        if version == self._version:
            return
        self._version = version
        self.follow()

    def follow(self) -> None:
        """Open, close, hold and go on as the database says."""
        wanted = {share.name: share for share in self.store.shares()}
        left = [name for name in self.folders if name not in wanted]
        for name in left:
            self.folders.pop(name).close()
        if left:
            self._on_folders("")
        for name, share in wanted.items():
            if name not in self.folders:
                self._open(share)
            else:
                self.folders[name].follow(share)

    def _open(self, share: Share) -> None:
        folder = SharedFolder(
            share,
            self.store,
            self.name,
            self._new_replica(),
            self._clock,
            partial(self._send, share.name),
            lambda changed: self.call(lambda: folder.changed(changed)),
        )
        self.folders[share.name] = folder
        self._on_folders(share.name)

    def _send(
        self, folder: str, peer: str, parcel: Parcel, *, urgent: bool, delivered: Callable[[], None] | None
    ) -> None:
        data = encode_parcel(parcel)
        present = self.folders.get(folder)
        if present is not None:
            present.standing.sent_bytes += len(data)

        def said() -> None:
            if delivered is not None and self.folders.get(folder) is present:
                delivered()

        after = None if delivered is None else partial(self.call, said)
        self._carrier.carry(peer, data, urgent=urgent, delivered=after)

    def receive(self, peer: str, parcel: Parcel) -> None:
        """A parcel has come; when this returns it is durable. NotFoundError, DiskFull, RemoteProtocolError."""
        self.store.share(parcel.folder)
        self.folders[parcel.folder].receive(peer, parcel)

    def note_trouble(self, peer: str, error: DrsError) -> None:
        """Something did not get through to or from a peer: begin again with it in a while."""
        _LOG.info("%s: %s", peer, error.one_line())
        self._retry_ns.setdefault(peer, self._clock.monotonic_ns() + RETRY_NS)

    def _retry(self, now_ns: int) -> None:
        for peer in [peer for peer, due_ns in self._retry_ns.items() if now_ns >= due_ns]:
            del self._retry_ns[peer]
            for folder in self.folders.values():
                if peer in folder.online_peers:
                    folder.session(peer)

    def _say(self, now_ns: int) -> None:
        lines = tuple(line for folder in self.folders.values() for line in folder.take_happenings())
        if lines:
            self._on_happenings(lines)
        if now_ns - self._said_ns < SAY_NS:
            return
        self._said_ns = now_ns
        views = tuple(folder.view() for folder in self.folders.values())
        if [_without_age(view) for view in views] == [_without_age(view) for view in self._views]:
            return
        self._views = views
        for view in views:
            try:
                self.store.say_standing(view.name, folder_json(view))
            except DrsError as error:
                _LOG.info("%s", error.one_line())
        self._on_views(views)


def _without_age(view: SyncFolderView) -> dict[str, object]:
    return folder_json(view) | {"updated_at": ""}


def folder_json(view: SyncFolderView) -> dict[str, object]:
    """A view as JSON has it."""
    return asdict(view)
