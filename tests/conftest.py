"""Strictness for the whole suite: no screen, no stray warning in the log, no thread or timer of Qt left running.

Strict about what happens, patient about when: a machine may be slow, or stand still for a while.
"""

from __future__ import annotations

import os

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import gc
import logging
import re
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from pytestqt.qtbot import QtBot

# the machine may be shared, so that a slow example is no fault; CI always tries the same examples
settings.register_profile("suite", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("suite"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "suite")

PATIENCE_MS = 60_000
SOAK_SEEDS = int(os.environ.get("DRS_SOAK_SEEDS", "320"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes `soak_seed` runs for as many seeds as DRS_SOAK_SEEDS says."""
    if "soak_seed" in metafunc.fixturenames:
        metafunc.parametrize("soak_seed", range(SOAK_SEEDS))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many random worlds there was time for."""
    reports = terminalreporter.getreports("passed")
    worlds = sum(value for report in reports for name, value in report.user_properties if name == "worlds")
    if worlds:
        terminalreporter.write_line(f"{worlds} random worlds were played")


class _Witness(logging.Handler):
    """Remembers what was logged at WARNING or above."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []
        self.expected: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.levelname} {record.name}: {record.getMessage()}")

    def faults(self) -> list[str]:
        stray = [line for line in self.lines if not any(re.search(pattern, line) for pattern in self.expected)]
        missing = [pattern for pattern in self.expected if not any(re.search(pattern, line) for line in self.lines)]
        return [f"logged: {line}" for line in stray] + [f"expected in the log: {pattern}" for pattern in missing]


@pytest.fixture(autouse=True)
def log_witness() -> Iterator[_Witness]:
    """Fails the test for every log record of level WARNING or above that it did not expect."""
    witness = _Witness()
    logging.getLogger().addHandler(witness)
    yield witness
    logging.getLogger().removeHandler(witness)
    faults = witness.faults()
    if faults:
        pytest.fail("\n".join(faults))


@pytest.fixture
def expect_log(log_witness: _Witness) -> Callable[[str], None]:
    """`expect_log(pattern)`: a log record like this is part of the behaviour; it fails the test if it does not come."""
    return log_witness.expected.append


class _PatientBot(QtBot):
    """A `QtBot` that waits longer than 5 s for what has to come."""

    def waitUntil(self, callback: Callable[[], bool | None], *, timeout: int = PATIENCE_MS) -> None:
        super().waitUntil(callback, timeout=timeout)

    def waitSignal(self, signal: Any, *, timeout: int = PATIENCE_MS, **more: Any) -> Any:
        return super().waitSignal(signal, timeout=timeout, **more)

    def waitExposed(self, widget: Any, *, timeout: int = PATIENCE_MS) -> Any:
        return super().waitExposed(widget, timeout=timeout)


@pytest.fixture
def qtbot(qapp: object, request: pytest.FixtureRequest) -> QtBot:
    """As of pytest-qt, with more patience."""
    return _PatientBot(request)


@pytest.fixture(autouse=True)
def no_qt_left_running(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fails a test with a QApplication that leaves a QThread running or a QTimer active."""
    if "qapp" not in request.fixturenames:
        yield
        return
    from PySide6.QtCore import QCoreApplication, QEvent, QThread, QTimer
    from shiboken6 import isValid

    started: dict[type, list[weakref.ref[QThread | QTimer]]] = {QThread: [], QTimer: []}

    def remembering(cls: type) -> Callable[..., None]:
        original = cls.start

        def start(self: QThread | QTimer, *args: object) -> None:
            started[cls].append(weakref.ref(self))
            original(self, *args)

        return start

    for cls in started:
        monkeypatch.setattr(cls, "start", remembering(cls))
    yield
    application = QCoreApplication.instance()
    if application is not None:
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        application.processEvents()
    gc.collect()

    def alive(cls: type) -> list[QThread | QTimer]:
        found = (reference() for reference in started[cls])
        return [each for each in found if each is not None and isValid(each)]

    left = [f"QThread {thread.objectName()!r} runs" for thread in alive(QThread) if thread.isRunning()]
    left += [
        f"QTimer {timer.objectName()!r} of {timer.parent()!r} is active" for timer in alive(QTimer) if timer.isActive()
    ]
    if left:
        pytest.fail("left behind: " + "; ".join(sorted(set(left))))
