"""Where jobs can go: pairing with relays, and forgetting them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from transfer_core.engine.settings_verbs import SettingsVerbs
from transfer_core.errors import ConflictError, TokenExpired, error_from_code
from transfer_core.events import DestinationsChanged, DestinationView
from transfer_core.jobs.store import Destination
from transfer_core.protocol.security.tokens import PairingToken, fingerprint, parse_address, parse_token
from transfer_core.service import Settings
from transfer_core.units import NS_PER_S, utc_iso

PAIR_WAIT_S = 3.0
PAIR_HTTP_WAIT_S = 8.0  # UDP has its time first


class DestinationVerbs(SettingsVerbs):
    """See `service.TransferService`."""

    def destinations(self) -> list[DestinationView]:
        """See `TransferService`."""
        if self._clerk is not None:
            return self._clerk.targets.views()
        return [
            DestinationView(
                each.name,
                each.kind,
                each.addresses,
                None,
                fingerprint=fingerprint(each.public_key) if each.public_key else "",
            )
            for each in self._store.destinations()
        ]

    def pair(self, token: str, name: str | None = None) -> DestinationView:
        """See `TransferService`."""
        parsed = parse_token(token)
        if parsed.expires_s * NS_PER_S < self._clock.wall_ns():
            raise TokenExpired(f"the token expired at {utc_iso(parsed.expires_s * NS_PER_S)}")
        chosen = self._name_for(parsed, name)
        self._store.keep_destination(
            Destination(
                chosen,
                "relay",
                parsed.addresses,
                parsed.relay_public,
                parsed.secret,
                parsed.expires_s,
                options=_http_options(parsed),
            )
        )
        if not self.settings().default_destination:
            self.change_settings(_with(self.settings(), default_destination=chosen))
        if self._clerk is not None:
            self._clerk.poke()
            wait_s = PAIR_WAIT_S if parsed.http is None else PAIR_HTTP_WAIT_S
            if not self._clerk.targets.wait_online(chosen, wait_s):
                code, _, text = self._clerk.targets.reach.why(chosen).partition(": ")
                if code.startswith("E_TOKEN"):
                    raise error_from_code(code, text)
        return next(each for each in self.destinations() if each.name == chosen)

    def _name_for(self, token: PairingToken, name: str | None) -> str:
        """What to call its relay. ConflictError if that has another name: a relay holds one session of an agent."""
        names = [each.name for each in self._store.destinations() if each.public_key == token.relay_public]
        if names and name and name not in names:
            raise ConflictError(
                f"this relay is paired as {names[0]} already",
                hint=f"Pair it without another name, or forget {names[0]} first.",
            )
        return name or next(iter(names), "relay-" + fingerprint(token.relay_public)[:4])

    def forget_destination(self, name: str) -> None:
        """See `TransferService`."""
        self._store.forget_destination(name)
        self._destinations_changed()

    def _destinations_changed(self) -> None:
        self._changed()
        self._bus.publish(DestinationsChanged(tuple(self.destinations())))


def _http_options(token: PairingToken) -> dict[str, str]:
    """Where the relay takes uploads over HTTP, and the pin of its certificate, if it does."""
    if token.http is None:
        return {}
    url = token.http.url(parse_address(token.addresses[0])[0])
    return {"http": url} | ({"pin": token.http.pin.hex()} if token.http.pin else {})


def _with(settings: Settings, **changes: Any) -> Settings:
    return Settings(**{**asdict(settings), **changes})
