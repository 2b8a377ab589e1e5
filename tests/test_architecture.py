"""The rules of the house that no linter knows: what is pure, what the console may see, and a sign on each door."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

PURE = (
    "transfer_core/errors.py",
    "transfer_core/events",
    "transfer_core/config.py",
    "transfer_core/units.py",
    "transfer_core/clock.py",
    "transfer_core/entropy.py",
    "transfer_core/engine/apart/restarts.py",
    "transfer_core/service",
    "transfer_core/protocol",
    "transfer_core/manifest",
    "transfer_core/ingest/camera_config.py",
    "transfer_core/ingest/completion.py",
    "transfer_core/ingest/sample_jpeg.py",
    "transfer_core/ingest/selection.py",
    "transfer_core/ingest/trigger.py",
    "transfer_core/sim",
    "transfer_core/links/classify.py",
    "transfer_core/links/hysteresis.py",
    "transfer_core/links/measure.py",
    "transfer_core/links/model.py",
    "transfer_core/links/quota.py",
    "transfer_core/links/ring.py",
    "transfer_core/links/score.py",
    "transfer_core/engine/common_cap.py",
    "transfer_core/engine/given_up.py",
    "transfer_core/engine/path_tally.py",
    "transfer_core/jobs/model.py",
    "transfer_core/server/races/throttle.py",
    "transfer_core/server/api_document.py",
    "transfer_core/server/disk_silence.py",
    "transfer_core/server/workers/heartbeats.py",
    "transfer_core/sync/members.py",
    "transfer_core/jobs/policy.py",
    "transfer_core/upload/bucket.py",
    "transfer_core/upload/chunk_size.py",
    "transfer_core/upload/chunked.py",
    "transfer_core/upload/door.py",
    "transfer_core/upload/judge.py",
    "transfer_core/upload/link_choice.py",
    "transfer_core/upload/kinds.py",
    "transfer_core/upload/presence.py",
    "transfer_core/upload/s3.py",
    "transfer_core/upload/s3_answers.py",
    "transfer_core/upload/s3_requests.py",
    "transfer_core/upload/timetable.py",
    "transfer_core/upload/tus.py",
    "transfer_core/upload/webhook.py",
    "transfer_core/telemetry/decoders",
    "transfer_core/telemetry/arrivals.py",
    "transfer_core/telemetry/channels.py",
    "transfer_core/telemetry/figures.py",
    "transfer_core/telemetry/frames.py",
    "transfer_core/telemetry/flight.py",
    "transfer_core/telemetry/ring.py",
    "transfer_core/telemetry/runs.py",
    "transfer_core/telemetry/sampler.py",
    "transfer_core/telemetry/samples/base.py",
    "transfer_core/telemetry/samples/thin.py",
    "transfer_core/sync/version.py",
    "transfer_core/sync/entry.py",
    "transfer_core/sync/planner.py",
    "transfer_core/sync/hints.py",
    "transfer_core/sync/naming.py",
    "transfer_core/sync/patch.py",
    "transfer_core/sync/recipe.py",
    "transfer_core/sync/parcel.py",
    "transfer_core/sync/chunker.py",
)

NOT_PURE = {
    # systems
    *("socket", "os", "sys", "io", "pathlib", "shutil", "tempfile", "glob", "mmap", "fcntl", "platform", "getpass"),
    *("subprocess", "signal", "select", "selectors", "sqlite3", "logging", "requests", "psutil"),
    # time, chance, concurrency
    *("time", "random", "secrets", "uuid", "threading", "multiprocessing", "concurrent", "asyncio", "queue"),
    # windows
    *("PySide6", "shiboken6", "pyqtgraph"),
}
NOT_PURE_CALLS = {"open", "print", "input", "exec", "eval"}
NOT_PURE_METHODS = {"now", "today", "utcnow"}

DOOR = {
    "transfer_core",
    "transfer_core.service",
    "transfer_core.events",
    "transfer_core.config",
    "transfer_core.errors",
    "transfer_core.units",
    "transfer_core.clock",
}
COMPOSITION = {"app/application.py": {"transfer_core.engine.apart.remote", "transfer_core.engine.system"}}


def modules_under(place: Path) -> list[Path]:
    if place.is_file():
        return [place]
    return sorted(path for path in place.rglob("*.py") if "__pycache__" not in path.parts)


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imports_of(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and full name of each imported module, also inside functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.lineno, node.module


def impurities(tree: ast.Module) -> Iterator[str]:
    """What a pure module may not do, with its line."""
    for line, module in imports_of(tree):
        if module.split(".")[0] in NOT_PURE:
            yield f"line {line}: imports {module}"
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name) and node.func.id in NOT_PURE_CALLS:
            yield f"line {node.lineno}: calls {node.func.id}()"
        if isinstance(node.func, ast.Attribute):
            if node.func.attr in NOT_PURE_METHODS and isinstance(node.func.value, ast.Name | ast.Attribute):
                yield f"line {node.lineno}: reads the clock with .{node.func.attr}()"
            if node.func.attr in ("default_rng", "SeedSequence") and not (node.args or node.keywords):
                yield f"line {node.lineno}: draws from the system with {node.func.attr}()"


PURE_MODULES = [path for place in PURE if (ROOT / place).exists() for path in modules_under(ROOT / place)]
SOURCE_MODULES = modules_under(ROOT / "transfer_core") + modules_under(ROOT / "app")


@pytest.mark.parametrize("path", PURE_MODULES, ids=name_of)
def test_a_pure_module_has_no_input_but_its_arguments(path: Path) -> None:
    assert list(impurities(tree_of(path))) == []


def test_every_place_named_as_pure_exists() -> None:
    assert [place for place in PURE if not (ROOT / place).exists()] == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("import time", "line 1: imports time"),
        ("from os.path import join", "line 1: imports os.path"),
        ("def f():\n    import socket", "line 2: imports socket"),
        ("open('x')", "line 1: calls open()"),
        ("datetime.now(UTC)", "line 1: reads the clock with .now()"),
        ("np.random.default_rng()", "line 1: draws from the system with default_rng()"),
    ],
)
def test_the_purity_check_sees(text: str, found: str) -> None:
    assert list(impurities(ast.parse(text))) == [found]


def test_the_purity_check_lets_seeded_randomness_pass() -> None:
    assert list(impurities(ast.parse("import numpy as np\nrng = np.random.default_rng(7)"))) == []


@pytest.mark.parametrize("path", modules_under(ROOT / "app"), ids=name_of)
def test_the_console_sees_only_the_door(path: Path) -> None:
    allowed = DOOR | COMPOSITION.get(name_of(path), set())
    seen = {module for _, module in imports_of(tree_of(path)) if module.split(".")[0] == "transfer_core"}
    rooms = {".".join(module.split(".")[:2]) for module in seen - allowed}
    assert rooms <= {"transfer_core.service", "transfer_core.events"}


def texts_that_may_be_markup(tree: ast.Module) -> Iterator[str]:
    """Labels of Qt's own kind, and tool tips of text that is made at run time but not by `plain_tip`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            yield from (f"line {node.lineno}: is a QLabel" for base in node.bases if ast.unparse(base) == "QLabel")
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        if called == "QLabel":
            yield f"line {node.lineno}: makes a QLabel"
        place = 1 if called == "QToolTip.showText" else 0 if called.endswith(".setToolTip") else None
        if place is None or isinstance(node.args[place], ast.Constant):
            continue
        if not ast.unparse(node.args[place]).startswith("plain_tip("):
            yield f"line {node.lineno}: sets a tool tip without plain_tip"


@pytest.mark.parametrize("path", modules_under(ROOT / "app"), ids=name_of)
def test_the_console_takes_no_text_for_markup(path: Path) -> None:
    is_the_label = name_of(path) == "app/widgets/plain_label.py"
    assert is_the_label or list(texts_that_may_be_markup(tree_of(path))) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("QLabel(name)", "line 1: makes a QLabel"),
        ("class A(QLabel): pass", "line 1: is a QLabel"),
        ("a.b.setToolTip(name)", "line 1: sets a tool tip without plain_tip"),
        ("QToolTip.showText(at, name)", "line 1: sets a tool tip without plain_tip"),
    ],
)
def test_the_check_of_markup_sees(text: str, found: str) -> None:
    assert list(texts_that_may_be_markup(ast.parse(text))) == [found]


@pytest.mark.parametrize("path", SOURCE_MODULES, ids=name_of)
def test_every_module_says_what_it_is(path: Path) -> None:
    docstring = ast.get_docstring(tree_of(path))
    assert docstring, "its docstring is missing"
    assert docstring.splitlines()[0].endswith((".", ":", "?")), "the first line is a sentence"


def test_every_package_has_a_sign_on_its_door() -> None:
    folders = {path.parent for path in SOURCE_MODULES}
    assert sorted(name_of(folder) for folder in folders if not (folder / "__init__.py").exists()) == []


def test_the_package_says_that_it_is_typed() -> None:
    assert (ROOT / "transfer_core" / "py.typed").exists()
