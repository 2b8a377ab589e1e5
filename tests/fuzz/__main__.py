"""`python -m tests.fuzz [SECONDS]` fuzzes from the kept corpus. Its finds go to `.fuzz`, faults to `.fuzz/fault-*`.

Finds of a long run that are small are kept in `corpus/found`, so that the next run begins where it ended.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["transfer_core"]):
    from tests.fuzz.seeds import CORPUS
    from tests.fuzz.targets import one_input

FOUND = Path(".fuzz")
INPUT_BYTES_MAX = 6000
RSS_MB_MAX = 1500


def main() -> None:
    """Run until the time is over, or a fault is found."""
    seconds = sys.argv[1] if len(sys.argv) > 1 else "60"
    FOUND.mkdir(exist_ok=True)
    options = (
        f"-max_total_time={seconds}",
        f"-max_len={INPUT_BYTES_MAX}",
        f"-rss_limit_mb={RSS_MB_MAX}",
        "-timeout=10",
        f"-artifact_prefix={FOUND}/fault-",
        "-print_final_stats=1",
    )
    atheris.Setup([sys.argv[0], *options, str(FOUND), str(CORPUS)], one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
