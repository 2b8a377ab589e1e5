"""Puts the program into a package that needs no Python: build.py [--check-only]

PyInstaller makes one folder with two programs (`drs-sync.spec`), which are then run: help, a transfer between two of
them over loopback, a picture of the console. On Linux that folder, its desktop entry, icons and service files become
one archive with an `install.sh`; `windows/drs-sync.iss` makes a set-up program of it, and on macOS there is a bundle.
"""

from __future__ import annotations

import json
import os
import platform
import secrets
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"
FOLDER = DIST / "drs-sync"
SUFFIX = ".exe" if sys.platform == "win32" else ""
COMMAND, WINDOW = FOLDER / f"drs-sync{SUFFIX}", FOLDER / f"drs-sync-console{SUFFIX}"
LIMIT_S = 120
SENT_BYTES = 5_000_000


def main() -> None:
    """Build, check, and pack."""
    if "--check-only" not in sys.argv[1:]:
        build()
    check()
    if sys.platform == "linux":
        print(f"{pack()}: unpack it and run install.sh")
    else:
        print(f"{FOLDER}: ready")


def build() -> None:
    """Icons, then PyInstaller."""
    _run([sys.executable, str(ROOT / "packaging" / "icons.py"), str(ROOT / "build" / "icons")])
    words = ["-m", "PyInstaller", "--noconfirm", "--log-level", "WARN"]
    folders = ["--distpath", str(DIST), "--workpath", str(ROOT / "build" / "pyinstaller")]
    _run([sys.executable, *words, *folders, str(ROOT / "packaging" / "drs-sync.spec")])


def check() -> None:
    """Run what was built as a person would; it ends the build when something is wrong."""
    with tempfile.TemporaryDirectory() as scratch:
        _run([COMMAND, "--help"])
        _transfer(Path(scratch))
        _picture(Path(scratch))
    size = sum(file.stat().st_size for file in FOLDER.rglob("*") if file.is_file() and not file.is_symlink())
    print(f"checked: help, a transfer, a picture of the console; {size / 1e6:.0f} MB")


def _transfer(scratch: Path) -> None:
    source, received = scratch / "lap.bin", scratch / "in"
    source.write_bytes(secrets.token_bytes(SENT_BYTES))
    words = ["relay", "--dir", received, "--listen", "127.0.0.1:0", "--state", scratch / "relay", "--json"]
    relay = subprocess.Popen([COMMAND, *words], stdout=subprocess.PIPE, text=True)
    try:
        assert relay.stdout is not None
        ready = json.loads(relay.stdout.readline())
        state = ["--state", scratch / "agent"]
        token = _run([COMMAND, "relay", "pair", "--state", scratch / "relay", "--address", ready["listen"]]).split()[-1]
        _run([COMMAND, "pair", token, "--name", "pit", *state])
        _run([COMMAND, "send", source, "--to", "pit", *state])
    finally:
        relay.terminate()
        relay.communicate(timeout=LIMIT_S)
    arrived = [file for file in received.rglob("lap.bin") if file.read_bytes() == source.read_bytes()]
    if len(arrived) != 1:
        raise SystemExit("the packaged program sent a file and it is not there")


def _picture(scratch: Path) -> None:
    picture, state = scratch / "console.png", scratch / "console"
    _run([WINDOW, "--screenshot", picture, "--page", "links", "--state", state, "--size", "1366x768"])
    if not picture.exists() or picture.stat().st_size < 10_000:
        raise SystemExit("the packaged console drew nothing")
    if not (state / "state.db").exists():
        raise SystemExit("the packaged console did not start its engine")


def _run(words: list[str | Path]) -> str:
    environment = dict(os.environ) | ({"QT_QPA_PLATFORM": "offscreen"} if sys.platform == "linux" else {})
    done = subprocess.run(words, capture_output=True, text=True, env=environment, timeout=10 * LIMIT_S, check=False)
    if done.returncode:
        line = " ".join(map(str, words))
        raise SystemExit(f"{line}\nended with {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def pack() -> Path:
    """The archive for Linux."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    name = f"drs-sync-{version}-linux-{platform.machine()}"
    linux = ROOT / "packaging" / "linux"
    with tempfile.TemporaryDirectory() as scratch:
        share = Path(scratch) / "share"
        (share / "icons").mkdir(parents=True)
        for picture in (ROOT / "build" / "icons").glob("*.png"):
            shutil.copy(picture, share / "icons")
        shutil.copy(ROOT / "resources" / "icons" / "drs-sync.svg", share / "icons")
        for file in (*linux.glob("*.desktop"), *linux.glob("*.service")):
            shutil.copy(file, share)
        with tarfile.open(DIST / f"{name}.tar.gz", "w:gz") as archive:
            archive.add(FOLDER, f"{name}/drs-sync")
            archive.add(share, f"{name}/share")
            archive.add(linux / "install.sh", f"{name}/install.sh")
            archive.add(ROOT / "LICENSE", f"{name}/LICENSE")
    return DIST / f"{name}.tar.gz"


if __name__ == "__main__":
    main()
