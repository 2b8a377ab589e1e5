from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

from transfer_core.errors import NotFoundError, UsageError
from transfer_core.storage.clearing import check_clearable, clear


@pytest.fixture
def received(tmp_path: Path) -> Path:
    folder = tmp_path / "in" / "camera01"
    (folder / "run" / "one").mkdir(parents=True)
    (folder / "a.jpg").write_bytes(b"xx")
    (folder / "run" / "one" / "b.jpg").write_bytes(b"yyy")
    return folder


def test_what_is_in_a_folder_is_deleted_and_the_folder_stays(received: Path) -> None:
    done = clear(check_clearable(received))
    assert (done.files, done.size_bytes, done.left) == (2, 5, [])
    assert received.is_dir()
    assert list(received.iterdir()) == []


def test_looking_deletes_nothing(received: Path) -> None:
    assert clear(received, only_look=True).sizes == {"a.jpg": 2, "run/one/b.jpg": 3}
    assert (received / "run" / "one" / "b.jpg").exists()


def test_a_part_file_that_is_written_stays_and_is_told_of(received: Path) -> None:
    (received / "old.jpg.part").write_bytes(b"x")
    with (received / "run" / "c.jpg.part").open("wb") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        done = clear(received)
    assert done.left == ["run/c.jpg.part: it is being received"]
    assert [path.name for path in received.rglob("*")] == ["run", "c.jpg.part"]


def test_a_link_is_deleted_and_what_it_leads_to_stays(received: Path, tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "x").write_bytes(b"x")
    (received / "link").symlink_to(tmp_path / "precious")
    clear(received)
    assert not (received / "link").is_symlink()
    assert (tmp_path / "precious" / "x").exists()


@pytest.mark.parametrize(
    "place", ["/", "/home", "/tmp", "/etc/ssl", "/usr/lib/x", "/var", "/root", "/home/somebody", "/mnt"]
)
def test_what_belongs_to_the_system_is_never_cleared(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "resolve", lambda self, strict=False: Path(place) if str(self) == place else self)
    monkeypatch.setattr(Path, "is_dir", lambda self: True)
    with pytest.raises(UsageError, match="never cleared"):
        check_clearable(Path(place))


def test_a_folder_that_holds_a_home_or_the_state_is_never_cleared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = tmp_path / "a" / "b" / "state"
    state.mkdir(parents=True)
    with pytest.raises(UsageError, match="it holds"):
        check_clearable(tmp_path / "a", keep=(state,))
    with pytest.raises(UsageError, match="it holds"):
        check_clearable(state, keep=(state,))
    monkeypatch.chdir(tmp_path / "a" / "b")
    with pytest.raises(UsageError, match="it holds"):
        check_clearable(tmp_path / "a")


def test_a_link_a_file_and_nothing_are_refused(tmp_path: Path, received: Path) -> None:
    (tmp_path / "link").symlink_to(received)
    with pytest.raises(UsageError, match="symbolic link"):
        check_clearable(tmp_path / "link")
    with pytest.raises(UsageError, match="no folder"):
        check_clearable(received / "a.jpg")
    with pytest.raises(NotFoundError):
        check_clearable(tmp_path / "none")
