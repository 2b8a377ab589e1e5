"""What lasts and needs a hand, worst first: for the banner and for the way to its place. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from app.figures import file_name, without_code
from app.models.job_tally import JobTally
from app.models.sync_rows import WORST
from transfer_core.errors import DrsError
from transfer_core.events import (
    DestinationView,
    EngineFound,
    EngineLost,
    EngineView,
    LinkState,
    LinkView,
    Notice,
    RelayView,
    Severity,
)
from transfer_core.events.sync import SyncFolderView, SyncState
from transfer_core.events.watches import WatchState, WatchView

SERVICE = "service"
ENGINE = "engine"  # the key of what is told of its process
SILENT = "engine silent"
_RANK = {severity: rank for rank, severity in enumerate(Severity)}
_PAIR_AGAIN = ("E_TOKEN", "E_UNKNOWN_PEER")
_FOLDER_WORDS = {
    SyncState.QUESTION: "waits for your word",
    SyncState.MISSING: "is not there",
    SyncState.REFUSED: "is refused",
    SyncState.FAILED: "has failed",
}
_BAD_LINKS = {
    LinkState.DOWN: Severity.SERIOUS,
    LinkState.SILENT: Severity.SERIOUS,
    LinkState.KILLED: Severity.CAUTION,
    LinkState.DEGRADED: Severity.CAUTION,
}


@dataclass(frozen=True, slots=True)
class Condition:
    """One of them. `key` names it for as long as it lasts; `command` is the one that helps, empty if none does."""

    key: str
    severity: Severity
    text: str
    command: str = ""
    page: str = ""  # where it is seen
    subject: str = ""  # and which row, file id or link there
    detail: str = ""  # to copy
    in_banner: bool = True


def failure_condition(what: str, error: DrsError) -> Condition:
    """The service did not start, or has ended."""
    text = f"{what}: {error}. {error.hint}" if error.hint else f"{what}: {error}"
    return Condition(SERVICE, Severity.CRITICAL, text, page="log", detail=error.one_line())


def lost_condition(lost: EngineLost) -> Condition:
    """The engine's process ended unasked."""
    what = f"The engine stopped by itself: {lost.why}."
    detail = f"{what}\n{lost.detail}".strip()
    if lost.again_in_s is None:
        text = f"{what} That was several times in a row, so it waits for you; nothing is sent until it runs."
        return Condition(ENGINE, Severity.CRITICAL, text, "window.restart_engine", "log", detail=detail)
    when = f"in {lost.again_in_s:.0f} s" if lost.again_in_s else "now"
    text = f"{what} It is started again {when}, and the queue goes on from what the disk holds."
    return Condition(ENGINE, Severity.SERIOUS, text, page="log", detail=detail)


def found_condition(lost: EngineLost | None, found: EngineFound) -> Condition:
    """The engine runs again; what it ended of is still worth knowing."""
    why = f" ({lost.why})" if lost is not None else ""
    detail = lost.detail if lost is not None else ""
    text = f"The engine had stopped by itself{why} and was started again; the queue goes on."
    if not found.missing:
        return Condition(ENGINE, Severity.CAUTION, text, page="log", detail=f"{text}\n{detail}".strip())
    missing = "; ".join(found.missing)
    text += f" Not switched on again: {missing}."
    return Condition(ENGINE, Severity.SERIOUS, text, page="log", detail=f"{text}\n{detail}".strip())


def silent_condition() -> Condition:
    """The engine's process is there and does not answer."""
    text = "The engine does not answer just now, so what you see may be old; a slow disk can be the cause."
    return Condition(SILENT, Severity.SERIOUS, text, page="log", detail=text)


def state_condition(notice: Notice) -> Condition | None:
    """A notice about the state directory that lasts, such as a database that was set aside."""
    if notice.topic != "state" or _RANK[notice.severity] < _RANK[Severity.SERIOUS]:
        return None
    return Condition("state", notice.severity, notice.text, page="log", detail=notice.error or notice.text)


def conditions(
    engine: EngineView,
    destinations: Sequence[DestinationView],
    links: Iterable[LinkView],
    tally: JobTally,
    relay: RelayView,
    watches: Iterable[WatchView] = (),
    folders: Iterable[SyncFolderView] = (),
) -> list[Condition]:
    """All that hold now, worst first."""
    found = [
        *_of_room(tally),
        *_of_engine(engine, sorted(destinations, key=lambda each: tally.waiting[each.name], reverse=True)),
        *_of_jobs(tally),
        *_of_links(links),
        *_of_relay(relay),
        *_of_watches(watches),
        *_of_folders(folders),
    ]
    return sorted(found, key=lambda each: -_RANK[each.severity])


def _of_engine(engine: EngineView, destinations: Sequence[DestinationView]) -> Iterator[Condition]:
    if engine.paused:
        yield Condition(
            "paused", Severity.CAUTION, "Everything is paused; nothing is sent", "window.pause_all", "queue"
        )
    if engine.files_left and not destinations:
        text = "No relay is paired, so the queue waits"
        yield Condition("unpaired", Severity.SERIOUS, text, "window.pair", "queue")
    if not engine.files_left:
        return
    for each in destinations:
        if each.online is False and each.why:
            key, text = f"offline {each.name}", f"{each.name} can't be reached: {without_code(each.why)}"
            if each.kind == "relay":
                again = each.why.startswith(_PAIR_AGAIN)
                yield Condition(key, Severity.SERIOUS, text, "window.pair" if again else "window.strip", "links")
            else:  # its address, its token or its certificate, more often than a link
                yield Condition(key, Severity.SERIOUS, text, page="destinations", subject=each.name)


def _of_room(tally: JobTally) -> Iterator[Condition]:
    full = tally.full
    if full is not None:
        text = f"{full.destination} is full; sending goes on when there is room"
        yield Condition("full", Severity.SERIOUS, text, page="queue", subject=full.file_id, detail=full.reason)


def _of_jobs(tally: JobTally) -> Iterator[Condition]:
    failed = tally.failed
    if failed:
        first = next(iter(failed))
        name = file_name(first.path)
        text = f"{name} failed" if len(failed) == 1 else f"{name} and {len(failed) - 1} more failed"
        yield Condition("failed", Severity.SERIOUS, text, page="queue", subject=first.file_id, in_banner=False)


def _of_links(links: Iterable[LinkView]) -> Iterator[Condition]:
    for link in links:
        severity = _BAD_LINKS.get(link.state)
        if severity is not None:
            text = f"{link.name} {link.why or link.state.value}"
            yield Condition(f"link {link.name}", severity, text, page="links", subject=link.name, in_banner=False)


def _of_relay(relay: RelayView) -> Iterator[Condition]:
    if relay.why:
        text = f"Receiving has stopped: {relay.why}. Senders keep their files until it goes on"
        yield Condition("relay", Severity.SERIOUS, text, "settings.receive", "settings")


def _of_watches(watches: Iterable[WatchView]) -> Iterator[Condition]:
    """Destinations that do not answer are told of already."""
    away = [view for view in watches if view.state is WatchState.WAITING]
    if away:
        more = f" and {len(away) - 1} more" if len(away) > 1 else ""
        text = f"{away[0].spec.name}{more}: {away[0].why or 'its folder is away'}"
        yield Condition("watches", Severity.SERIOUS, text, page="cameras", subject=away[0].spec.name)


def _of_folders(folders: Iterable[SyncFolderView]) -> Iterator[Condition]:
    for folder in folders:
        if folder.state in WORST:
            text = f"Shared folder {folder.name} {_FOLDER_WORDS[folder.state]}: {folder.text or folder.state.value}"
            yield Condition(f"folder {folder.name}", Severity.SERIOUS, text, page="sync", subject=folder.name)
