"""The suite's own strictness, tried on small suites run inside this one."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

CONFTEST = (Path(__file__).parent / "conftest.py").read_text(encoding="utf-8")


def run(pytester: pytest.Pytester, test: str) -> pytest.RunResult:
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(test)
    return pytester.runpytest_subprocess("-p", "no:cacheprovider", "-p", "no:xdist")


def test_a_stray_warning_in_the_log_fails_a_test_and_an_expected_one_does_not(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        import logging

        def test_stray():
            logging.getLogger("x").warning("boiler at %d degrees", 99)

        def test_expected(expect_log):
            expect_log("boiler at 98")
            logging.getLogger("x").error("boiler at %d degrees", 98)

        def test_missing(expect_log):
            expect_log("boiler is cold")
        """,
    )
    result.assert_outcomes(passed=3, errors=2)
    result.stdout.fnmatch_lines(["*logged: WARNING x: boiler at 99 degrees*", "*expected in the log: boiler is cold*"])


def test_a_thread_or_timer_of_qt_left_running_fails_a_test(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        from PySide6.QtCore import QThread, QTimer

        kept = []

        def test_timer_left(qapp):
            kept.append(QTimer())
            kept[-1].start(1000)

        def test_timer_stopped(qapp):
            kept[-1].stop()
            kept[-1].start(1000)
            kept[-1].stop()

        def test_thread_left(qapp):
            kept.append(QThread())
            kept[-1].start()

        def test_thread_stopped(qapp):
            kept[-1].quit()
            kept[-1].wait()
        """,
    )
    result.assert_outcomes(passed=4, errors=2)
    result.stdout.fnmatch_lines(["*left behind: QTimer*", "*left behind: QThread*"])
