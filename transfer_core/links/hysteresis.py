"""Decides which state a link is in, so that it does not change back and forth.

Theory of operation. A radio link on a race track comes and goes within seconds, and a link that carries nothing always
measures beautifully. Hence three rules. *Leaving is quick, coming back is earned*: a link is silent as soon as nothing
has proved delivery for a while. From its next delivery on it is returning, and it is up again only after it has
delivered without a break, for twice as long after each relapse. A link that a person switches on again has no such
past: it is returning until it answers, and then up. *Thresholds come in pairs*: what makes a link degraded is worse
than what it takes to be fine again, and either has to last. *A flapping link is announced once*: after four changes,
each within a minute of the last, no more notices are due until it has held still for a minute.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from transfer_core.events import LinkState
from transfer_core.links.measure import LinkFigures
from transfer_core.units import NS_PER_S

_FIXED_STATES = frozenset({LinkState.DOWN, LinkState.KILLED, LinkState.UNUSED})
_NOT_LOST = _FIXED_STATES | {LinkState.IDLE, LinkState.RETURNING}
_DELIVERS = frozenset({LinkState.UP, LinkState.DEGRADED})


@dataclass(frozen=True, slots=True)
class StateConfig:
    """When a link is silent or degraded, and for how long it has to be otherwise."""

    silent_after_ns: int = 2_500_000_000  # two probes of one second and a slow answer
    earn_ns: int = 2 * NS_PER_S  # delivering without a break before it is up again
    earn_max_ns: int = 30 * NS_PER_S
    forgive_ns: int = 60 * NS_PER_S  # of good behaviour, after which relapses are forgotten
    hold_ns: int = 3 * NS_PER_S  # between up and degraded
    loss_bad: float = 0.10
    loss_good: float = 0.05
    rtt_bad_ms: float = 400.0
    rtt_good_ms: float = 300.0
    notices_max: int = 4  # within `forgive_ns`


@dataclass(frozen=True, slots=True)
class StateChange:
    """A link went from one state to another."""

    before: LinkState
    after: LinkState
    at_ns: int
    why: str
    announce: bool  # worth a notice
    flapping: bool = False  # the last notice for now: say that it comes and goes

    @property
    def is_news(self) -> bool:
        """Up for the first time is not back; silent after it was off or away, until it answers, is not lost."""
        return self.before not in (_NOT_LOST if self.after is LinkState.SILENT else (LinkState.IDLE,))


class LinkStateJudge:
    """Keeps the state of one link. Times are monotonic and do not go back."""

    def __init__(self, now_ns: int, config: StateConfig | None = None) -> None:
        self._config = StateConfig() if config is None else config
        self._state = LinkState.IDLE
        self._why = ""
        self._since_ns = now_ns
        self._away_ns: int | None = None  # when it last was off or in no session; proofs from before say nothing
        self._wanted: LinkState | None = None
        self._wanted_ns = now_ns
        self._relapses = 0
        self._changes_ns: deque[int] = deque(maxlen=self._config.notices_max + 1)

    @property
    def state(self) -> LinkState:
        """As it is."""
        return self._state

    @property
    def since_ns(self) -> int:
        """When this state began."""
        return self._since_ns

    @property
    def why(self) -> str:
        """For people; empty when all is well."""
        return self._why

    def judge(
        self, figures: LinkFigures, now_ns: int, *, in_session: bool, fixed: LinkState | None = None, why: str = ""
    ) -> StateChange | None:
        """Look again; what changed, if anything did. Call it a few times a second.

        `in_session` says that the path has shaken hands. `fixed` is a state that is known from elsewhere: down, killed
        or unused, with the reason.
        """
        if fixed is not None:
            if fixed not in _FIXED_STATES:
                raise ValueError(f"{fixed} is measured, not set")
            self._away_ns = now_ns
            return self._become(fixed, why, now_ns)
        if not in_session:
            self._away_ns = now_ns
        wanted, wanted_why = self._look(figures, now_ns, in_session)
        if wanted is self._state:
            self._wanted, self._why = None, wanted_why
            if wanted is LinkState.UP and now_ns - self._since_ns >= self._config.forgive_ns:
                self._relapses = 0
            return None
        earns = self._state in (LinkState.SILENT, LinkState.RETURNING)
        proved_ns = figures.measured_ns if earns and figures.measured_ns is not None else now_ns
        # A silent link earns its way back by delivering, well or badly.
        if self._wanted is None or (wanted is not self._wanted and not earns):
            self._wanted_ns = proved_ns
        self._wanted = wanted
        if wanted not in _DELIVERS or proved_ns - self._wanted_ns >= self._hold_ns(wanted):
            return self._become(wanted, wanted_why, now_ns)
        return self._return(now_ns) if earns else None

    def _return(self, now_ns: int) -> StateChange | None:
        """Delivers, and has not earned its state yet."""
        wanted = self._wanted
        change = self._become(LinkState.RETURNING, "answers again", now_ns)
        self._wanted = wanted
        return change

    def _look(self, figures: LinkFigures, now_ns: int, in_session: bool) -> tuple[LinkState, str]:
        config = self._config
        if figures.measured_ns is None or not in_session:
            return LinkState.IDLE, "" if in_session else "no session yet"
        heard_ns, waits = figures.measured_ns, False
        if self._away_ns is not None and heard_ns <= self._away_ns:
            heard_ns, waits = self._away_ns, True
        if now_ns - heard_ns > config.silent_after_ns:
            return LinkState.SILENT, "nothing comes back"
        if waits:
            return LinkState.IDLE if self._state is LinkState.IDLE else LinkState.RETURNING, "no answer yet"
        is_bad = self._state is LinkState.DEGRADED
        loss = figures.loss if is_bad else figures.sure_loss
        if loss is not None and loss >= (config.loss_good if is_bad else config.loss_bad):
            return LinkState.DEGRADED, f"{loss * 100:.0f} % of the datagrams are lost"
        if figures.rtt_ms is not None and figures.rtt_ms >= (config.rtt_good_ms if is_bad else config.rtt_bad_ms):
            return LinkState.DEGRADED, f"a round trip takes {figures.rtt_ms:.0f} ms"
        return LinkState.UP, ""

    def _hold_ns(self, wanted: LinkState) -> int:
        config = self._config
        if self._state in (LinkState.SILENT, LinkState.RETURNING):
            return min(config.earn_max_ns, config.earn_ns << min(self._relapses - 1, 8) if self._relapses else 0)
        if self._state in _DELIVERS:
            return config.hold_ns
        return 0

    def _become(self, state: LinkState, why: str, now_ns: int) -> StateChange | None:
        self._wanted, self._why = None, why
        if state is self._state:
            return None
        before, self._state, self._since_ns = self._state, state, now_ns
        if LinkState.RETURNING in (before, state) and state not in _DELIVERS:
            return StateChange(before, state, now_ns, why, announce=False)  # neither lost nor back
        if state is LinkState.SILENT:
            self._relapses += 1
        announce, flapping = self._notice_due(now_ns)
        return StateChange(before, state, now_ns, why, announce, flapping)

    def _notice_due(self, now_ns: int) -> tuple[bool, bool]:
        config = self._config
        if self._changes_ns and now_ns - self._changes_ns[-1] > config.forgive_ns:
            self._changes_ns.clear()
        self._changes_ns.append(now_ns)
        recent = len(self._changes_ns)
        return recent <= config.notices_max, recent == config.notices_max
