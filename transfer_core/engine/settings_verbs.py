"""The service's settings: kept in the state, checked when they change, passed on to what runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from types import MappingProxyType

from transfer_core.config import ATTEMPTS_MAX, Policy, ScoreWeights, parse_priority
from transfer_core.engine.path_policy import LinkRules
from transfer_core.engine.service_parts import ServiceParts
from transfer_core.errors import ConfigError, DrsError
from transfer_core.links.quota import LinkQuota
from transfer_core.protocol.recovery.mtu import BASE_BYTES, MOST_BYTES
from transfer_core.service import Settings
from transfer_core.units import NS_PER_S

SETTINGS_KEY = "settings"
APPLY_VERB = "apply_settings"
ATTEMPTS_LIMIT = 1000
ROLES = ("primary", "overflow", "backup")
BYTES_PER_S_PER_MBPS = 125_000.0
NO_CAPS: Mapping[str, float] = MappingProxyType({})


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
            link_rules(settings)
            link_quotas(settings)
            check_attempts(settings)
        except (ValueError, TypeError, AttributeError, DrsError):
            return Settings()
        return settings

    def change_settings(self, settings: Settings) -> None:
        """See `TransferService`."""
        parse_priority(settings.default_priority)
        score_weights(settings)
        link_rules(settings)
        link_quotas(settings)
        if not 0.1 <= settings.probe_interval_s <= 60:
            raise ConfigError(f"probe_interval_s is {settings.probe_interval_s}; it must be from 0.1 to 60")
        check_attempts(settings)
        if not BASE_BYTES <= settings.packet_bytes_max <= MOST_BYTES:
            raise ConfigError(f"packet_bytes_max must be from {BASE_BYTES} to {MOST_BYTES}")
        self._store.set_setting(SETTINGS_KEY, asdict(settings))
        if self._loop is not None:
            self.apply_settings()
        else:
            self._store.ask(APPLY_VERB, "")  # an agent of another process looks again

    def apply_settings(self, policy: Policy | None = None) -> None:
        """Have the agent of this process work by what is set; `policy` stands above the one that is set."""
        settings, loop, desk = self.settings(), self._loop, self._desk
        if loop is None or desk is None:
            return
        if self._clerk is not None:
            retry, is_chosen = self._config.retry, settings.attempts_max != ATTEMPTS_MAX
            self._clerk.runner.retry = replace(retry, max_attempts=settings.attempts_max) if is_chosen else retry
            if self._clerk.runner.uploads is not None:
                self._clerk.runner.uploads.governor.set_link_caps(
                    {name: mbps * 1e6 for name, mbps in settings.link_caps_mbps.items()}
                )
        desk.gauge.weights = score_weights(settings)
        desk.packet_bytes_max = settings.packet_bytes_max
        if self._sync_desk is not None:
            self._sync_desk.allow_direct(settings.sync_direct)
        if self._usage is not None:
            self._usage.set_quotas(link_quotas(settings))
        chosen, rules, ping_ns = (
            policy or settings.policy,
            link_rules(settings, self._cap_bps, self._relay_caps_bps),
            int(settings.probe_interval_s * NS_PER_S),
        )
        loop.loop.post(lambda: loop.set_rules(chosen, rules, ping_ns))


def link_rules(
    settings: Settings, cap_bps: float | None = None, relay_caps_bps: Mapping[str, float] = NO_CAPS
) -> LinkRules:
    """What is laid down for the links, also by caps of everything and of relays. ConfigError says what is wrong."""
    for name, role in settings.link_roles.items():
        if role not in ROLES:
            raise ConfigError(f"{role!r} is no role of a link ({name})", hint=f"Use {', '.join(ROLES)}.")
    for link, cap in settings.link_caps_mbps.items():
        if not 0 < cap <= 1e6:
            raise ConfigError(f"{link}: a rate cap must be more than 0, or empty")
    caps = {name: cap * BYTES_PER_S_PER_MBPS for name, cap in settings.link_caps_mbps.items()}
    return LinkRules(
        dict(settings.link_roles),
        caps,
        cap_bps / 8 if cap_bps else None,
        {name: bps / 8 for name, bps in relay_caps_bps.items()},
    )


def link_quotas(settings: Settings) -> dict[str, LinkQuota]:
    """The links' quotas. ConfigError says what is wrong with them."""
    return {name: LinkQuota.parse(values) for name, values in settings.link_quotas.items()}


def check_attempts(settings: Settings) -> None:
    """ConfigError unless jobs can be tried so often."""
    if not 1 <= settings.attempts_max <= ATTEMPTS_LIMIT:
        raise ConfigError(f"a job can be tried from 1 to {ATTEMPTS_LIMIT} times, not {settings.attempts_max}")


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
