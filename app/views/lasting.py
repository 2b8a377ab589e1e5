"""What lasts and needs a hand, kept over time: what was told, what the state says, and what a person has put away."""

from __future__ import annotations

from app.models.conditions import Condition, conditions
from app.models.console_state import ConsoleState
from transfer_core.events import Severity

_RANKS = {severity: rank for rank, severity in enumerate(Severity)}


class Lasting:
    """Asked by the window; does nothing by itself."""

    def __init__(self, state: ConsoleState) -> None:
        self._state = state
        self._told: dict[str, Condition] = {}
        self._away: dict[str, Severity] = {}
        self._found: list[Condition] = []

    @property
    def worst(self) -> Condition | None:
        """The worst of all, also of what is put away."""
        return self._found[0] if self._found else None

    @property
    def worst_told(self) -> Condition | None:
        """The worst that the banner tells of, or told of until it was put away."""
        return next((each for each in self._found if each.in_banner and each.severity is not Severity.INFO), None)

    def tell(self, condition: Condition) -> None:
        """This lasts until it is put away."""
        self._told[condition.key] = condition
        self._away.pop(condition.key, None)

    def take_back(self, key: str) -> None:
        """It does not hold any more."""
        self._told.pop(key, None)

    def put_away(self, condition: Condition) -> None:
        """Show it no more, unless it gets worse."""
        if self._told.pop(condition.key, None) is None:
            self._away[condition.key] = condition.severity

    def for_banner(self) -> list[Condition]:
        """Look at everything again; what the banner shows, worst first."""
        state = self._state
        now = conditions(
            state.engine, state.destinations, state.links, state.tally, state.relay, state.watches, state.folders
        )
        self._found = sorted([*self._told.values(), *now], key=lambda each: -_RANKS[each.severity])
        lasting = {each.key for each in self._found}
        self._away = {key: severity for key, severity in self._away.items() if key in lasting}
        return [each for each in self._found if each.in_banner and not self._is_away(each)]

    def _is_away(self, condition: Condition) -> bool:
        severity = self._away.get(condition.key)
        return severity is not None and _RANKS[condition.severity] <= _RANKS[severity]
