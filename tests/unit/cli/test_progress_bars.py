from __future__ import annotations

from dataclasses import replace

from rich.console import Console

from tests.support.scripted_service import VPN, WIFI, make_job
from transfer_core.cli.progress_bars import FILES_SHOWN, BarReporter
from transfer_core.cli.watch import Watch
from transfer_core.events import EngineChanged, EngineView, JobsChanged, JobState, LinksChanged, Severity


def drawn(*events) -> str:
    watch = Watch()
    watch.take(events)
    console = Console(width=140, force_terminal=False)
    with console.capture() as capture:
        console.print(BarReporter().drawing(watch))
    return capture.get()


def test_files_under_way_come_first_then_the_next_ones_and_the_rest_is_counted() -> None:
    waiting = [make_job(f"w{n:02}", position=float(n)) for n in range(FILES_SHOWN + 3)]
    under_way = make_job("now", JobState.UPLOADING, bytes_done=420, rate_bps=78.4e6, eta_s=21.0, position=99.0)
    lines = drawn(JobsChanged((*waiting, under_way))).splitlines()
    assert lines[0].startswith("now.bin")
    for fact in ("42 %", "78.4 Mbit/s", "21 s left"):
        assert fact in lines[0]
    assert "and 4 more" in lines[FILES_SHOWN]


def test_an_unknown_eta_is_blank() -> None:
    line = drawn(JobsChanged((make_job("now", JobState.UPLOADING),))).splitlines()[0]
    assert "left" not in line
    assert "inf" not in line


def test_links_in_use_show_rate_and_what_they_carried() -> None:
    job = make_job("now", JobState.UPLOADING, links={"wifi": 5_000_000})
    text = drawn(JobsChanged((job,)), LinksChanged((WIFI, VPN)))
    row = next(line for line in text.splitlines() if line.startswith("wifi"))
    for fact in ("5.0 MB", "78.4 Mbit/s", "1.2% loss", "up"):
        assert fact in row
    assert "tun0" not in text


def test_the_last_line_is_the_whole_and_names_are_made_harmless() -> None:
    engine = EngineView(True, False, 10e6, 1, 500, 60.0, 1, 1, Severity.INFO, "", "bonded")
    jobs = (make_job("a", path="/data/x\x1b[31m.bin"), replace(make_job("b"), status=JobState.COMPLETED))
    text = drawn(JobsChanged(jobs), EngineChanged(engine))
    assert "\x1b" not in text
    assert text.splitlines()[-1].startswith("1 of 2 files, 10.0 Mbit/s, 500 B left, 1 min 00 s")
