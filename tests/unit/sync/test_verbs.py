from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from transfer_core.engine.system import SystemClock
from transfer_core.errors import ConflictError, NotFoundError, UsageError
from transfer_core.events.sync import SyncState
from transfer_core.sync.verbs import FolderVerbs


@pytest.fixture
def verbs(tmp_path: Path) -> Iterator[FolderVerbs]:
    made = FolderVerbs(tmp_path / "state", SystemClock(), lambda: ["factory"], lambda: False)
    yield made
    made.close()


def folder(tmp_path: Path, name: str) -> str:
    (tmp_path / name).mkdir(parents=True, exist_ok=True)
    return str(tmp_path / name)


def test_a_shared_folder_is_marked_and_listed(verbs: FolderVerbs, tmp_path: Path) -> None:
    verbs.share(folder(tmp_path, "x"), "setups", "factory")
    (view,) = verbs.status()
    assert (view.name, view.relay, view.state) == ("setups", "factory", SyncState.IDLE)
    assert (tmp_path / "x" / ".drs-sync" / "marker").read_text() == "setups"


def test_an_accepted_folder_is_made_and_the_one_relay_is_taken(verbs: FolderVerbs, tmp_path: Path) -> None:
    assert verbs.accept("setups", str(tmp_path / "new" / "folder")).relay == "factory"
    assert (tmp_path / "new" / "folder").is_dir()


def test_what_cannot_be_shared_is_refused_and_leaves_nothing(verbs: FolderVerbs, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        verbs.share(folder(tmp_path, "x"), "setups", "nowhere")
    with pytest.raises(UsageError):
        verbs.share(str(tmp_path / "not there"), "setups", "factory")
    for name in ("", "../up", "a/b", ".hidden", "x" * 80, "a b"):
        with pytest.raises(UsageError):
            verbs.share(folder(tmp_path, "x"), name, "factory")
    assert verbs.status() == []
    assert not (tmp_path / "x" / ".drs-sync").exists()


def test_names_and_places_are_shared_once(verbs: FolderVerbs, tmp_path: Path) -> None:
    verbs.share(folder(tmp_path, "x"), "setups", "factory")
    with pytest.raises(ConflictError):
        verbs.share(folder(tmp_path, "y"), "setups", "factory")
    with pytest.raises(ConflictError):
        verbs.share(folder(tmp_path, "x"), "again", "factory")
    with pytest.raises(ConflictError):
        verbs.share(folder(tmp_path, "x/inside"), "inside", "factory")
    assert [view.name for view in verbs.status()] == ["setups"]


def test_a_folder_that_was_left_can_be_shared_again_with_a_new_index(verbs: FolderVerbs, tmp_path: Path) -> None:
    verbs.share(folder(tmp_path, "x"), "setups", "factory")
    verbs.store.index_path("setups").write_bytes(b"an old index")
    verbs.leave("setups")
    assert verbs.status() == []
    verbs.share(folder(tmp_path, "x"), "setups", "factory")
    assert not verbs.store.index_path("setups").exists()


def test_what_is_not_shared_is_not_found(verbs: FolderVerbs) -> None:
    for ask in (verbs.leave, verbs.status, verbs.files, verbs.history, verbs.conflicts, verbs.savings):
        with pytest.raises(NotFoundError):
            ask("nope")  # type: ignore[operator]
    with pytest.raises(NotFoundError):
        verbs.pause(["nope"])
    with pytest.raises(NotFoundError):
        verbs.resolve("a", "mine")


def test_deletes_are_meant_for_one_named_folder(verbs: FolderVerbs) -> None:
    with pytest.raises(UsageError):
        verbs.resume([], deletes_are_meant=True)


def test_only_mine_theirs_and_both_can_be_kept(verbs: FolderVerbs) -> None:
    with pytest.raises(UsageError):
        verbs.resolve("a", "newest")


def test_before_an_agent_has_looked_everything_is_empty(verbs: FolderVerbs, tmp_path: Path) -> None:
    verbs.share(folder(tmp_path, "x"), "setups", "factory")
    assert verbs.files("setups") == []
    assert verbs.history() == []
    assert verbs.conflicts() == []
    assert verbs.savings() == []
    with pytest.raises(NotFoundError):
        verbs.vectors("setups", "a")
