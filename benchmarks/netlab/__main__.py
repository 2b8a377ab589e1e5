"""`python -m benchmarks.netlab [FIGURE...]`: the figures of bad networks. Root on Linux."""

from __future__ import annotations

import sys

from benchmarks.netlab.namespaces import why_not
from benchmarks.runner import run


def main() -> int:
    """Refuse where there can be no lab, and say why."""
    reason = why_not()
    if reason is not None:
        print(f"make bench-net can't run here: {reason}", file=sys.stderr)
        return 2
    return run("benchmarks.netlab.figures", "bench-net", sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
