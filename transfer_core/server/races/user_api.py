"""`/create_user`, `/login`, `/reset_password`, `/delete_user`, and what an admin does with accounts."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from transfer_core.errors import UsageError
from transfer_core.server.races.accounts import Accounts, User, UserRole
from transfer_core.server.races.asking import Asking, SessionUser, require_role, require_self, token_of

_TEXT_MAX = 2048


class Credentials(BaseModel):
    """A name and a password."""

    username: str = Field(min_length=1, max_length=_TEXT_MAX)
    password: str = Field(min_length=1, max_length=_TEXT_MAX)


class ResetRequest(BaseModel):
    """A name alone asks for a token; a token with a new password uses it."""

    username: str = Field(default="", max_length=_TEXT_MAX)
    token: str = Field(default="", max_length=_TEXT_MAX)
    new_password: str = Field(default="", max_length=_TEXT_MAX)


class RoleRequest(BaseModel):
    """Somebody's role."""

    user_id: int
    role: UserRole


def user_object(user: User) -> dict[str, Any]:
    """A user for programs."""
    return {
        "user_id": user.user_id,
        "username": user.name,
        "role": user.role.value,
        "created_at": user.created_at,
        "asked_reset_at": user.asked_reset_at,
    }


def user_routes(asking: Asking) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["users"])
    _add_sessions(router, asking)
    _add_accounts(router, asking.accounts)
    return router


def _add_sessions(router: APIRouter, asking: Asking) -> None:
    """Registering, logging in and out, new passwords; how often somebody tries is counted."""
    accounts = asking.accounts

    @router.post("/create_user")
    def create_user(body: Credentials, request: Request) -> dict[str, Any]:
        """Register. The first account is an admin's, all others are viewers'."""
        asking.try_once(request, body.username)
        user = accounts.create(body.username, body.password)
        return {"status": "success", "message": "User created successfully", **user_object(user)}

    @router.post("/login")
    def login(body: Credentials, request: Request) -> dict[str, Any]:
        """A session: send its token as `Authorization: Bearer TOKEN`, never in an address."""
        asking.try_once(request, body.username)
        token, user = accounts.login(body.username, body.password)
        asking.went_well(request, body.username)
        return {"status": "success", "message": "Login successful", "token": token, **user_object(user)}

    @router.post("/logout")
    def logout(user: SessionUser, request: Request) -> dict[str, Any]:
        """End the session."""
        accounts.logout(token_of(request.headers))
        return {"status": "success", "message": f"{user.name} is logged out"}

    @router.post("/reset_password")
    def reset_password(body: ResetRequest, request: Request) -> dict[str, Any]:
        """Ask for a reset token by `username`, or use one: `token` and `new_password`. An admin hands tokens out."""
        asking.try_once(request, body.username or "reset")
        if body.token:
            accounts.reset(body.token, body.new_password)
            return {"status": "success", "message": "Password reset successful"}
        if not body.username:
            raise UsageError("neither a username nor a token is given", hint="Send one of them.")
        accounts.ask_reset(body.username)
        return {"status": "success", "message": "If there is such a user, an admin can now hand out a reset token"}


def _add_accounts(router: APIRouter, accounts: Accounts) -> None:
    """What becomes of accounts, mostly by admins."""

    @router.post("/reset_token/{user_id}")
    def reset_token(user_id: int, user: SessionUser) -> dict[str, Any]:
        """For admins: a token with which that user sets a new password, once and within an hour."""
        require_role(user, UserRole.ADMIN)
        return {"user_id": user_id, "token": accounts.make_reset(user_id), "expires_in_s": 3600}

    @router.delete("/delete_user")
    def delete_user(user: SessionUser, user_id: int | None = None, username: str | None = None) -> dict[str, Any]:
        """Delete the own account; an admin may delete any."""
        gone = user.user_id if user_id is None else user_id
        if username is not None:
            gone = user.user_id if username.casefold() == user.name.casefold() else -1
            if gone < 0 and user.role is UserRole.ADMIN:
                gone = accounts.named(username).user_id
        require_self(user, gone)
        accounts.delete(gone)
        return {"status": "success", "message": "User deleted successfully", "user_id": gone}

    @router.get("/users")
    def users(user: SessionUser) -> list[dict[str, Any]]:
        """For admins: everybody."""
        require_role(user, UserRole.ADMIN)
        return [user_object(each) for each in accounts.users()]

    @router.put("/user_role")
    def user_role(body: RoleRequest, user: SessionUser) -> dict[str, Any]:
        """For admins: another role."""
        require_role(user, UserRole.ADMIN)
        return user_object(accounts.set_role(body.user_id, body.role))
