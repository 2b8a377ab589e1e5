"""The command line of both benchmarks: finds the figures of a package, takes the named ones, writes their parts."""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from types import FrameType

from benchmarks import machine, page
from benchmarks.figure import Bench, Figure, Goal, Result

QUIET_LIMIT_S = 1800.0


def find_figures(package: str) -> list[Figure]:
    """One of each file of the package, in the page's order."""
    room = importlib.import_module(package)
    modules = [importlib.import_module(f"{package}.{info.name}") for info in pkgutil.iter_modules(room.__path__)]
    figures = [module.FIGURE for module in modules if hasattr(module, "FIGURE")]
    return sorted(figures, key=lambda figure: (figure.order, figure.name))


def run(package: str, command: str, words: Sequence[str]) -> int:
    """Take figures and write the page. 0: all were taken and held, 1: a goal was missed, 2: a figure broke."""
    figures = find_figures(package)
    options = _parse(command, figures, words)
    if options.list:
        for figure in figures:
            print(f"{figure.name:<14} {figure.title}")
        return 0
    for number in (signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
        signal.signal(number, _end)  # so that what a figure has made is taken down
    wanted = [figure for figure in figures if not options.figures or figure.name in options.figures]
    page.PICTURES.mkdir(parents=True, exist_ok=True)
    bench = Bench(runs=1 if options.quick else options.runs, quick=options.quick, pictures=page.PICTURES)
    missed: list[Goal] = []
    broken: list[str] = []
    for figure in wanted:
        if options.quiet_wait and not machine.wait_until_quiet(QUIET_LIMIT_S):
            print("the machine did not become quiet; measuring all the same", file=sys.stderr)
        result = _take(figure, bench, command)
        if result is None:
            broken.append(figure.name)
        else:
            missed += [goal for goal in result.goals if goal.holds is False]
    for goal in missed:
        print(f"missed: {goal.what}: {goal.measured}, to reach {goal.reach}")
    for name in broken:
        print(f"broken: {name}; its part of the page is as it was")
    print(f"see {page.PAGE.relative_to(page.ROOT)}")
    return 2 if broken else 1 if missed else 0


def _end(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)


def _take(figure: Figure, bench: Bench, command: str) -> Result | None:
    """Measure one figure and write its part; None, and why on stderr, if it broke."""
    print(f"{figure.name}: {figure.title}", file=sys.stderr, flush=True)
    busy = machine.busy()
    began = time.monotonic()
    try:
        result = figure.measure(bench)
    except Exception:  # noqa: BLE001 - one figure that breaks must not cost the others
        traceback.print_exc()
        return None
    today = time.strftime("%Y-%m-%d", time.gmtime())
    quick = " --quick" if bench.quick else ""
    runs = "one run" if bench.runs == 1 or not figure.repeated else f"medians of {bench.runs} runs"
    took_s = time.monotonic() - began
    said = [
        f'Measured {today} by `make {command} ARGS="{figure.name}{quick}"`, {runs}, in {took_s:.0f} s;',
        f"{busy}. {machine.describe()}",
    ]
    page.write_part(figure, result, said)
    return result


def _parse(command: str, figures: Sequence[Figure], words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=f"make {command} ARGS=...", description="Measures, and writes the page.")
    names = [figure.name for figure in figures]
    parser.add_argument("figures", nargs="*", metavar="FIGURE", help=f"all, if none is named: {', '.join(names)}")
    parser.add_argument("--runs", type=int, default=3, help="repetitions of each case (3)")
    parser.add_argument("--quick", action="store_true", help="smaller cases, one run each")
    parser.add_argument("--quiet-wait", action="store_true", help="before each figure, wait until the machine is idle")
    parser.add_argument("--list", action="store_true", help="name the figures")
    options = parser.parse_args(words)
    unknown = sorted(set(options.figures) - set(names))
    if unknown:
        parser.error(f"there is no figure {unknown[0]!r}; there are {', '.join(names)}")
    if options.runs < 1:
        parser.error("--runs must be at least 1")
    return options
