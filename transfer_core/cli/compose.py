"""Makes the services that commands call. The one place of the command line that knows their classes."""

from __future__ import annotations

import importlib
import os
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transfer_core.cli import output
from transfer_core.cli.options import check_start
from transfer_core.errors import DrsError, NotFoundError, StateError, UsageError

if TYPE_CHECKING:
    from transfer_core.config import Policy
    from transfer_core.server.companion import Companion
    from transfer_core.server.coordinator.coordinator import Coordinator
    from transfer_core.server.mounts import Mounted
    from transfer_core.server.races.accounts import Accounts
    from transfer_core.server.races.mounted import MountedRaces
    from transfer_core.server.races.race_side import RaceAddresses, RaceSide
    from transfer_core.server.relay import Relay
    from transfer_core.server.uploads.http_side import HttpSide
    from transfer_core.server.uploads.records import UploadDatabase
    from transfer_core.service import Token, TransferService
    from transfer_core.service.telemetry import TelemetryService
    from transfer_core.storage.relay_store import RelayStore

STATE_VARIABLE = "DRS_SYNC_STATE"


def state_directory(asked: Path | None) -> Path:
    """The directory asked for, else that of DRS_SYNC_STATE, else this user's; absolute, and made if it isn't there."""
    chosen = (asked or _state_of_user()).absolute()
    try:
        chosen.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        what = f"the state directory {chosen} can't be made: {error.strerror or error}"
        raise StateError(what, hint="Choose another one with --state.") from error
    return chosen


def _state_of_user() -> Path:
    named = os.environ.get(STATE_VARIABLE)
    if named:
        return Path(named)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "drs-sync"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "drs-sync"
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "drs-sync"


@contextmanager
def open_service(
    state: Path | None,
    *,
    links: Sequence[str] | None = None,
    simulation: Path | None = None,
    policy: Policy | None = None,
    trace: Path | None = None,
) -> Iterator[TransferService]:
    """This machine's agent, not started; stopped at the end. UsageError if the simulation file isn't there."""
    from transfer_core.engine.local_service import LocalService

    if simulation is not None and not simulation.is_file():
        raise UsageError(f"{simulation} is no file", hint="Name a simulation file with --simulate.")
    service = LocalService(state_directory(state), links=links, simulation=simulation, policy=policy, trace=trace)
    try:
        for notice in service.notices():  # of the state alone so far
            output.note(notice.text)
        yield service
    finally:
        service.stop()


def open_relay(
    state: Path | None,
    directory: Path,
    listen: tuple[str, int],
    on_event: Callable[[dict[str, Any]], None],
    *,
    http: HttpSide | None = None,
    coordinator: Coordinator | None = None,
    races: MountedRaces | None = None,
    quota_bytes: int | None = None,
    keep_free_bytes: int | None = None,
    trace: Path | None = None,
) -> Relay:
    """A relay on this machine's state, not started; with its HTTP side if that gets an address."""
    from transfer_core.config import RelayConfig
    from transfer_core.server.http_facts import keep_http
    from transfer_core.server.relay import Relay

    config = RelayConfig(listen_host=listen[0], listen_port=listen[1], quota_bytes_per_agent=quota_bytes)
    if keep_free_bytes is not None:
        config = replace(config, keep_free_bytes=keep_free_bytes)
    from transfer_core.server.live_hub import LiveHub
    from transfer_core.server.sync_hub import SyncHub

    if http is None:
        keep_http(state_directory(state), None)
    name = socket.gethostname() or "relay"
    hub = SyncHub(name) if coordinator is None else SyncHub(name, coordinator.take_views, coordinator.take_happenings)
    live = LiveHub(lambda: None if races is None else races.desk)
    companions: list[Companion] = [hub, live] if http is None else [hub, live, http]
    relay = Relay(state_directory(state), directory, listen, config, on_event, companions=companions, trace=trace)
    hub.serve(relay)
    if races is not None:
        relay.live = live
    if coordinator is not None:
        coordinator.serve(relay)
    return relay


def open_coordinator(database_url: str) -> Coordinator:
    """What shows shared folders over HTTP, not started; an empty address keeps its figures in SQLite."""
    from transfer_core.server.coordinator.coordinator import Coordinator

    return Coordinator(database_url)


def open_races(udp_host: str) -> MountedRaces:
    """What serves races and their viewers over HTTP, not started; telemetry is taken where HTTP is listened on."""
    from transfer_core.engine.telemetry_part import STORE_VARIABLE
    from transfer_core.server.races.mounted import MountedRaces

    return MountedRaces(udp_host, os.environ.get(STORE_VARIABLE, ""))


def open_http_side(
    listen: tuple[str, int],
    *,
    tls: bool | None,
    certificate: Path | None,
    key: Path | None,
    behind_proxy: bool,
    mounted: Sequence[Mounted] = (),
) -> HttpSide:
    """A relay's HTTP side, not started. `tls` None: beyond loopback. UsageError for half a pair of files."""
    from transfer_core.server.loopback import is_loopback
    from transfer_core.server.uploads.http_side import HttpSide, Tls

    if (certificate is None) != (key is None):
        raise UsageError("a certificate needs its key, and a key its certificate", hint="Give both files, or none.")
    if tls is False and certificate is not None:
        raise UsageError("--no-tls and a certificate contradict each other", hint="Leave one of them out.")
    wanted = tls or certificate is not None or (tls is None and not is_loopback(listen[0]))
    return HttpSide(listen, Tls(certificate, key) if wanted else None, mounted, behind_proxy=behind_proxy)


@contextmanager
def open_upload_database(state: Path | None) -> Iterator[UploadDatabase]:
    """What this state's relay keeps of its HTTP side, whether it runs or not."""
    from transfer_core.engine.system import SystemClock
    from transfer_core.server.uploads.records import UploadDatabase

    database = UploadDatabase(state_directory(state), SystemClock())
    try:
        yield database
    finally:
        database.close()


def relay_receipt(state: Path | None, file_id: str) -> dict[str, Any]:
    """The signed receipt of a file that this state's relay has. NotFoundError, ConflictError."""
    from transfer_core.engine.identity import load_identity
    from transfer_core.server.uploads.listing import make_receipt

    with open_relay_store(state) as store, open_upload_database(state) as database:
        return make_receipt(file_id, store, database, load_identity(state_directory(state)))


def make_http_token(state: Path | None, name: str) -> str:
    """A token for a program that uploads to this state's relay over HTTP; it can't be shown again."""
    from transfer_core.engine.system import SystemEntropy
    from transfer_core.server.uploads.credentials import make_http_token as make

    with open_upload_database(state) as database:
        return make(database, name, SystemEntropy().token_bytes)


def make_relay_token(state: Path | None, addresses: Sequence[str], expires_s: float) -> Token:
    """A token of this state's relay, whether it runs in another process or never did."""
    from transfer_core.engine.system import SystemClock
    from transfer_core.server.pairing import make_token

    return make_token(state_directory(state), SystemClock(), tuple(addresses), expires_s)


@contextmanager
def open_relay_store(state: Path | None) -> Iterator[RelayStore]:
    """What this state's relay knows, whether it runs or not."""
    from transfer_core.engine.system import SystemClock
    from transfer_core.storage.relay_store import RelayStore

    store = RelayStore(state_directory(state), SystemClock())
    try:
        yield store
    finally:
        store.close()


@contextmanager
def open_telemetry(state: Path | None) -> Iterator[TelemetryService]:
    """This machine's telemetry, beside an agent that may be running; races end with the block."""
    from transfer_core.engine.local_service import LocalService

    service = LocalService(state_directory(state))
    try:
        service.start_telemetry()
        yield service.telemetry
    finally:
        service.stop()


@contextmanager
def serve_races(state: Path | None, addresses: RaceAddresses) -> Iterator[RaceSide]:
    """Races for a team, served while the block runs; races end with it."""
    from transfer_core.engine.local_service import LocalService
    from transfer_core.engine.system import SystemClock
    from transfer_core.server.races.race_side import RaceSide

    service = LocalService(state_directory(state))
    try:
        service.start_telemetry()
        with open_accounts(state) as accounts:
            side = RaceSide(service.telemetry, accounts, SystemClock(), addresses)
            try:
                side.start()
                yield side
            finally:
                side.stop()
    finally:
        service.stop()


@contextmanager
def open_accounts(state: Path | None) -> Iterator[Accounts]:
    """Who may see and do what at `telemetry serve`; also beside it."""
    from transfer_core.engine.system import SystemClock, SystemEntropy
    from transfer_core.engine.telemetry_part import FOLDER
    from transfer_core.server.races.accounts import Accounts

    accounts = Accounts(state_directory(state) / FOLDER, SystemClock(), SystemEntropy())
    try:
        yield accounts
    finally:
        accounts.close()


def open_console() -> Any:
    """The module `app.application`. It is another package, above this one, so it is looked for by name."""
    try:
        return importlib.import_module("app.application")
    except ImportError as error:
        what = f"the console can't be opened: {error}"
        raise DrsError(what, hint="`make setup` installs it, and names system libraries that lack.") from error


def whole_ids(service: TransferService, starts: Sequence[str]) -> list[str]:
    """The jobs whose ids begin like these. NotFoundError for none, UsageError for several or too short a start."""
    known = [job.file_id for job in service.jobs()]
    whole: list[str] = []
    for start in starts:
        if start in known:
            whole.append(start)
            continue
        check_start(start)
        found = [file_id for file_id in known if file_id.startswith(start)]
        if not found:
            raise NotFoundError(f"there is no job {start!r}")
        if len(found) > 1:
            raise UsageError(f"{start!r} is the start of {len(found)} jobs", hint="Write more of the id.")
        whole.append(found[0])
    return whole


@contextmanager
def open_api(service: TransferService, address: tuple[str, int] | None) -> Iterator[str | None]:
    """The local API while the block runs: `HOST:PORT` as it listens, None if no address was given."""
    if address is None:
        yield None
        return
    from transfer_core.server.local_api import LocalApi

    api = LocalApi(service, address, state_directory(None) / "spool")
    api.start()
    try:
        host, port = api.address
        yield f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    finally:
        api.stop()


@contextmanager
def open_trigger_server(service: TransferService, address: str) -> Iterator[str]:
    """Answers triggers over ZeroMQ while the block runs; gives the address as it listens."""
    from transfer_core.ingest.trigger_server import TriggerServer

    server = TriggerServer(address, service.watches.trigger)
    try:
        server.start()
        yield server.address
    finally:
        server.stop()
