"""Which link the next request goes over: the best by score, shared out over uploads, those that just failed last."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from transfer_core.units import NS_PER_S

UNKNOWN_SCORE = 0.4  # better than a bad link, worse than a good one
REST_FIRST_NS = 2 * NS_PER_S
REST_LONGEST_NS = 60 * NS_PER_S


@dataclass(frozen=True, slots=True)
class Candidate:
    """A link that could carry the next request."""

    name: str
    score: float | None  # 0..1, None while nothing is known of it
    busy: int = 0  # uploads that it carries already
    rests_until_ns: int = 0  # nothing came back over it lately
    role: str = "primary"


def choose_link(candidates: Iterable[Candidate], now_ns: int) -> Candidate | None:
    """The link to take; None if there is none.

    A resting one is taken only when all rest, a backup only without a primary or overflow; otherwise the one with the
    most score for each upload on it.
    """

    def key(each: Candidate) -> tuple[bool, bool, float, str]:
        score = UNKNOWN_SCORE if each.score is None else each.score
        return each.rests_until_ns > now_ns, each.role == "backup", -(score + 0.01) / (1 + each.busy), each.name

    return min(candidates, key=key, default=None)


def rest_ns(failures: int) -> int:
    """How long a link rests after so many failures in a row."""
    return min(REST_LONGEST_NS, REST_FIRST_NS << min(max(0, failures - 1), 16))
