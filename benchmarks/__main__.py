"""`python -m benchmarks [FIGURE...]`: the figures of one machine."""

from __future__ import annotations

import sys

from benchmarks.runner import run

if __name__ == "__main__":
    sys.exit(run("benchmarks.figures", "bench", sys.argv[1:]))
