"""Three laptops and a relay as real processes keep a folder the same, whoever is killed and whatever is edited."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.ports import free_port

PRIVATE = ".drs-sync"
LIMIT_S = 150.0
LINKS = """
[[link]]
name = "wifi"
rate_mbps = 200
delay_ms = 2
[[link]]
name = "lte"
rate_mbps = 40
delay_ms = 20
"""


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "transfer_core.cli", *map(str, words)]


def run(*words: object) -> str:
    done = subprocess.run(command(*words), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def tree(root: Path) -> dict[str, str]:
    """Every file and folder below a root with its hash; what is the sync's own is left out."""
    found: dict[str, str] = {}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if name == PRIVATE or name.startswith(PRIVATE + "/"):
            continue
        with contextlib.suppress(FileNotFoundError):
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
    return found


def wait_for(happened: Callable[[], bool], what: Callable[[], object]) -> None:
    end = time.monotonic() + LIMIT_S
    while not happened():
        assert time.monotonic() < end, what()
        time.sleep(0.1)


class Team:
    """A relay and three agents on scratch states, with one shared folder `setups`."""

    def __init__(self, folder: Path, laptops: int = 3) -> None:
        self.folder = folder
        self.listen = f"127.0.0.1:{free_port()}"
        (folder / "links.toml").write_text(LINKS)
        self.log = (folder / "log").open("ab")
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.laptops = [f"pit{i}" for i in range(laptops)]
        self.start("relay")
        for name in self.laptops:
            token = run("relay", "pair", "--address", self.listen, "--state", folder / "relay").split()[0]
            run("pair", token, "--name", "factory", "--state", folder / name)

    def words(self, name: str) -> list[str]:
        if name == "relay":
            return command("relay", "--dir", self.folder / "in", "--listen", self.listen, "--state", self.folder / name)
        return command("agent", "--simulate", self.folder / "links.toml", "--state", self.folder / name)

    def start(self, name: str) -> None:
        self.running[name] = subprocess.Popen(self.words(name), stdout=self.log, stderr=self.log)

    def kill(self, name: str) -> None:
        process = self.running.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def root(self, name: str) -> Path:
        return self.folder / "in" / "sync" / "setups" if name == "relay" else self.folder / f"{name}-setups"

    def share(self) -> None:
        first, *others = self.laptops
        self.root(first).mkdir(exist_ok=True)
        run("sync", "share", self.root(first), "--name", "setups", "--to", "factory", "--state", self.folder / first)
        self.start(first)
        wait_for(lambda: self.root("relay").is_dir(), lambda: "the relay makes the folder")
        for name in others:
            run("sync", "accept", "setups", self.root(name), "--state", self.folder / name)
            self.start(name)

    def link(self, verb: str, link: str, *, on: str) -> None:
        run("link", verb, link, "--state", self.folder / on)

    def status(self, name: str) -> dict[str, Any]:
        (found,) = json.loads(run("sync", "status", "--json", "--state", self.folder / name))
        return dict(found)

    def conflicts(self, name: str) -> list[str]:
        found = json.loads(run("sync", "conflicts", "--json", "--state", self.folder / name))
        return [each["path"] for each in found]

    def trees(self) -> dict[str, dict[str, str]]:
        return {name: tree(self.root(name)) for name in ["relay", *self.laptops]}

    def are_equal(self) -> bool:
        first, *others = self.trees().values()
        return all(other == first for other in others)

    def wait_equal(self, holds: Callable[[dict[str, str]], bool] = lambda _: True) -> dict[str, str]:
        wait_for(lambda: self.are_equal() and holds(tree(self.root("relay"))), self.trees)
        return tree(self.root("relay"))

    def close(self) -> None:
        for name in list(self.running):
            self.kill(name)
        self.log.close()


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Team]:
    made = Team(tmp_path)
    try:
        yield made
    finally:
        made.close()


def hash_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_three_laptops_and_the_factory_keep_a_folder_the_same(team: Team) -> None:
    chance = random.Random(7)
    one, two, three = (team.root(name) for name in team.laptops)
    one.mkdir()
    (one / "runs").mkdir()
    (one / "setup.json").write_bytes(b'{"wing": 4}')
    big = chance.randbytes(3_000_000)
    (one / "runs" / "lap.bin").write_bytes(big)
    (one / "run.sh").write_bytes(b"#!/bin/sh\n")
    (one / "run.sh").chmod(0o755)
    two.mkdir()
    (two / "own.txt").write_bytes(b"was there before")
    team.share()
    team.wait_equal(lambda files: {"setup.json", "runs/lap.bin", "own.txt", "run.sh"} <= files.keys())
    assert os.access(three / "run.sh", os.X_OK)
    assert (three / "runs" / "lap.bin").read_bytes() == big

    (two / "setup.json").write_bytes(b'{"wing": 5}')
    wait_for(lambda: (three / "setup.json").read_bytes() == b'{"wing": 5}', team.trees)

    team.kill("pit0")  # both sides edit while they can't hear each other
    (one / "setup.json").write_bytes(b'{"wing": 6, "by": "one"}')
    (three / "setup.json").write_bytes(b'{"wing": 7, "by": "three"}')
    (three / "own.txt").unlink()
    (one / "own.txt").write_bytes(b"edited, which beats the delete")
    wait_for(lambda: (two / "setup.json").read_bytes() == b'{"wing": 7, "by": "three"}', team.trees)
    team.start("pit0")
    contents = {hash_of(b'{"wing": 6, "by": "one"}'), hash_of(b'{"wing": 7, "by": "three"}')}
    files = team.wait_equal(lambda files: contents <= set(files.values()))
    assert files["own.txt"] == hash_of(b"edited, which beats the delete")

    # The files are in place a moment before the index says so.
    wait_for(lambda: team.conflicts("pit0") == ["setup.json"], lambda: team.conflicts("pit0"))
    run("sync", "resolve", "setup.json", "--keep", "mine", "--state", team.folder / "pit0")
    files = team.wait_equal(lambda files: not any(".conflict-" in path for path in files))
    assert files["setup.json"] == hash_of(b'{"wing": 6, "by": "one"}')
    wait_for(lambda: team.status("pit2")["state"] == "in sync", lambda: team.status("pit2"))
    history = json.loads(run("sync", "history", "--json", "--state", team.folder / "pit2"))
    assert "received" in {line["what"] for line in history}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_whoever_is_killed_all_trees_end_equal_and_no_edit_is_gone(team: Team) -> None:
    chance = random.Random(11)
    team.share()
    everybody = ["relay", *team.laptops]
    made: set[str] = set()
    for turn in range(12):
        for name in team.laptops:
            content = f"{name} {turn} ".encode() * chance.randrange(1, 20_000)
            made.add(hash_of(content))
            folder = team.root(name) / chance.choice(("", "runs", "runs/old"))
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{name}-{turn}.log").write_bytes(content)
        victim = chance.choice(everybody)
        time.sleep(chance.random() * 0.6)
        team.kill(victim)
        time.sleep(chance.random() * 0.3)
        team.start(victim)
    files = team.wait_equal(lambda files: made <= set(files.values()))
    assert not any(".conflict-" in path for path in files)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_links_that_are_killed_under_edits_delay_them_and_lose_none(tmp_path: Path) -> None:
    team = Team(tmp_path, laptops=2)
    try:
        chance = random.Random(13)
        team.share()
        team.wait_equal()
        made: set[str] = set()
        for turn in range(6):
            link = ("wifi", "lte")[turn % 2]
            for name in team.laptops:
                content = chance.randbytes(chance.choice((100, 60_000, 1_500_000)))
                made.add(hash_of(content))
                (team.root(name) / f"{name}-{turn}.bin").write_bytes(content)
            team.link("kill", link, on="pit0")  # right under them; pit1's links stay
            files = team.wait_equal(lambda files: made <= set(files.values()))
            team.link("restore", link, on="pit0")
        assert not any(".conflict-" in path for path in files)
        team.link("kill", "wifi", on="pit0")
        team.link("kill", "lte", on="pit0")
        wait_for(lambda: team.status("pit0")["state"] == "offline", lambda: team.status("pit0"))
        (team.root("pit0") / "late.json").write_bytes(b"edited offline")
        (team.root("pit1") / "early.json").write_bytes(b"edited meanwhile")
        team.link("restore", "lte", on="pit0")
        files = team.wait_equal(lambda files: {"late.json", "early.json"} <= files.keys())
        assert files["late.json"] == hash_of(b"edited offline")
    finally:
        team.close()


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(shutil.which("rsync") is None, reason="needs rsync")
def test_a_one_way_sync_gives_what_rsync_gives(tmp_path: Path) -> None:
    team = Team(tmp_path, laptops=1)
    try:
        chance = random.Random(3)
        root = team.root("pit0")
        for number in range(60):
            path = root / f"day{number % 5}" / f"run {number}.log"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(chance.randbytes(chance.choice((0, 1, 5000, 200_000))))
            os.utime(path, ns=(0, 1_700_000_000_000_000_000 + number * 10**9))
        team.share()
        team.wait_equal(lambda files: len(files) == 65)
        there = subprocess.run(
            ["rsync", "-rcnti", "--delete", f"--exclude={PRIVATE}", f"{root}/", f"{team.root('relay')}/"],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        different = [line for line in there.stdout.splitlines() if not line.startswith(".d")]
        assert different == []
    finally:
        team.close()
