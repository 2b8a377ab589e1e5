"""Who asks: the session of a request, what its user may see and do, and how often something was tried."""

from __future__ import annotations

import threading
from typing import Annotated

from fastapi import Depends, Request
from starlette.datastructures import Headers

from transfer_core.clock import Clock
from transfer_core.errors import CredentialRefused, NotFoundError, SecurityError
from transfer_core.events.telemetry import RaceView
from transfer_core.server.races.accounts import Accounts, User, UserRole
from transfer_core.server.races.throttle import Throttle

LOGIN_TRIES, LOGIN_WITHIN_S = 5, 300.0  # of one name, and of one name from one address
ADDRESS_TRIES, ADDRESS_WITHIN_S = 50, 300.0  # of one address, whatever names it tries
_RANKS = list(UserRole)


class Asking:
    """The accounts, and the counts of tries."""

    def __init__(self, accounts: Accounts, clock: Clock) -> None:
        self.accounts = accounts
        self._clock = clock
        self._lock = threading.Lock()
        self._by_name = Throttle(LOGIN_TRIES, LOGIN_WITHIN_S)
        self._by_address = Throttle(ADDRESS_TRIES, ADDRESS_WITHIN_S)

    def try_once(self, request: Request, name: str) -> None:
        """Count a try that somebody may be guessing with. TooMany."""
        now_ns, address = self._clock.monotonic_ns(), _address(request)
        key = f"{name.casefold()[:100]} {address}"
        with self._lock:
            self._by_address.check(address, now_ns)
            self._by_name.check(key, now_ns)
            self._by_address.count(address, now_ns)
            self._by_name.count(key, now_ns)

    def went_well(self, request: Request, name: str) -> None:
        """It was no guess."""
        with self._lock:
            self._by_name.forget(f"{name.casefold()[:100]} {_address(request)}")

    def user_of(self, headers: Headers) -> User:
        """Whose session a request brings. CredentialRefused."""
        return self.accounts.whose(token_of(headers))


def token_of(headers: Headers) -> str:
    """The token of `Authorization: Bearer`. CredentialRefused if there is none."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise CredentialRefused("this needs a session", hint="POST /login, then send Authorization: Bearer TOKEN.")
    return token.strip()


def session_user(request: Request) -> User:
    """For routes: the user of the request's session."""
    asking: Asking = request.app.state.asking
    return asking.user_of(request.headers)


SessionUser = Annotated[User, Depends(session_user)]


def require_role(user: User, role: UserRole) -> None:
    """SecurityError for less than that role."""
    if _RANKS.index(user.role) < _RANKS.index(role):
        raise SecurityError(f"this takes the role {role.value}", hint="Ask an admin for it.")


def require_self(user: User, user_id: int) -> None:
    """SecurityError for somebody else's id, unless an admin asks."""
    if user.user_id != user_id and user.role is not UserRole.ADMIN:
        raise SecurityError("that is somebody else's", hint="Ask with your own user id.")


def may_see(user: User, race: RaceView) -> bool:
    """Owner, members and admins."""
    return user.role is UserRole.ADMIN or user.name in (race.owner, *(each.name for each in race.members))


def may_change(user: User, race: RaceView) -> bool:
    """Owner and admins."""
    return user.role is UserRole.ADMIN or user.name == race.owner


def require_sight(user: User, race: RaceView) -> None:
    """NotFoundError, as if it were not there."""
    if not may_see(user, race):
        raise NotFoundError(f"there is no race {race.race_id!r}", hint="GET /list_races or /saved_races.")


def require_change(user: User, race: RaceView) -> None:
    """SecurityError for a race that one only sees, NotFoundError for one that one does not."""
    require_sight(user, race)
    if not may_change(user, race):
        raise SecurityError("only its owner may do that", hint="Ask the owner of the race.")


def _address(request: Request) -> str:
    return request.client.host if request.client is not None else ""
