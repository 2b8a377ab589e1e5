"""The service's settings: kept in the state, checked when they change, passed on to what runs."""

from __future__ import annotations

from dataclasses import asdict, fields

from transfer_core.config import Policy, ScoreWeights, parse_priority
from transfer_core.engine.service_parts import ServiceParts
from transfer_core.errors import ConfigError, DrsError
from transfer_core.service import Settings

SETTINGS_KEY = "settings"


class SettingsVerbs(ServiceParts):
    """See `service.TransferService`."""

    def settings(self) -> Settings:
        """See `TransferService`. What can't be understood counts as not set."""
        kept = self._store.setting(SETTINGS_KEY)
        if not isinstance(kept, dict):
            return Settings()
        names = {field.name for field in fields(Settings)}
        values = {key: value for key, value in kept.items() if key in names}
        try:
            values["policy"] = Policy(values.get("policy", Policy.BONDED))
            settings = Settings(**values)
            score_weights(settings)
        except (ValueError, TypeError, DrsError):
            return Settings()
        return settings

    def change_settings(self, settings: Settings) -> None:
        """See `TransferService`."""
        parse_priority(settings.default_priority)
        weights = score_weights(settings)
        if settings.rate_cap_mbps is not None and settings.rate_cap_mbps <= 0:
            raise ConfigError("rate_cap_mbps must be more than 0, or empty")
        self._store.set_setting(SETTINGS_KEY, asdict(settings))
        loop, desk = self._loop, self._desk
        if loop is not None and desk is not None:
            desk.weights, desk.roles = weights, settings.link_roles
            roles = dict(settings.link_roles)
            loop.loop.post(lambda: loop.set_policy(settings.policy))
            loop.loop.post(lambda: loop.set_roles(roles))


def score_weights(settings: Settings) -> ScoreWeights:
    """The weights of the link score. ConfigError says what is wrong with them."""
    values = {key: float(value) for key, value in settings.weights.items()}
    if set(values) - {"throughput", "rtt", "loss", "stability"} or any(
        not 0 <= value <= 1e6 for value in values.values()
    ):
        raise ConfigError("the score's weights are throughput, rtt, loss and stability, each 0 or more")
    weights = ScoreWeights(**values)
    if weights.throughput + weights.rtt + weights.loss + weights.stability <= 0:
        raise ConfigError("at least one of the score's weights must be more than 0")
    return weights
