"""Bearer tokens: who may read, who may review as well, who may start jobs as well.

Settings hold the SHA-256 of a token and never the token; the environment holds either. Tokens are long random strings,
so one round of SHA-256 guards them: there is no dictionary of them to go through.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from schema.errors import SettingsError
from schema.near import did_you_mean
from ui.api.errors import Refused

VARIABLE = "LIKENESS_TOKENS"
"""The variable that holds tokens, separated by blanks or commas: NAME:ROLE:TOKEN, or NAME:ROLE:sha256=HEX."""
ROLES = ("read", "review", "write")
"""Each may do what those before it may."""
LEAST_LETTERS = 16


@dataclass(frozen=True, slots=True)
class Token:
    """One token: whose it is, what it lets do, and its SHA-256."""

    name: str
    role: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the name of the token, empty where none is set, and the role."""

    name: str
    role: str

    def may(self, role: str) -> bool:
        """Tell whether this role is enough."""
        return ROLES.index(self.role) >= ROLES.index(role)


def read_tokens(stored: Iterable[str], given: str | None = None) -> tuple[Token, ...]:
    """Return the tokens of the settings (NAME:ROLE:SHA256) and of the environment (``given``, or the variable).

    Raises SettingsError that names the entry which is wrong, never the token itself.
    """
    found = [_token(entry, "serve.tokens", hashed=True) for entry in stored]
    text = os.environ.get(VARIABLE, "") if given is None else given
    found += [_token(entry, VARIABLE, hashed=False) for entry in re.split(r"[\s,]+", text) if entry]
    if len({token.name for token in found}) < len(found):
        raise SettingsError("two tokens have one name", "Reviews stand under it: give each its own.")
    return tuple(found)


def new_token(name: str, role: str) -> tuple[str, str]:
    """Return (a new token, what settings hold of it). Raises SettingsError for a role or a name that cannot be."""
    token = secrets.token_urlsafe(32)
    made = _token(f"{name}:{role}:{token}", "the token", hashed=False)
    return token, f"{made.name}:{made.role}:{made.digest.hex()}"


def _token(entry: str, place: str, hashed: bool) -> Token:
    name, _, rest = entry.partition(":")
    role, _, secret = rest.partition(":")
    if not name or not name.isprintable() or not secret:
        raise SettingsError(
            f"{place}: an entry is not of the form NAME:ROLE:{'SHA256' if hashed else 'TOKEN'}"
        )
    if role not in ROLES:
        raise SettingsError(
            f"{place}: there is no role {role!r}{did_you_mean(role, ROLES)}", f"Roles: {', '.join(ROLES)}"
        )
    if hashed or secret.startswith("sha256="):
        digest = secret.removeprefix("sha256=").lower()
        if not re.fullmatch("[0-9a-f]{64}", digest):
            raise SettingsError(
                f"{place}: the token of {name} is no SHA-256 in hexadecimal",
                "Make one with: likeness serve --new-token NAME:ROLE",
            )
        return Token(name, role, bytes.fromhex(digest))
    if len(secret) < LEAST_LETTERS:
        raise SettingsError(
            f"{place}: the token of {name} is shorter than {LEAST_LETTERS} letters",
            "Make one with: likeness serve --new-token NAME:ROLE",
        )
    return Token(name, role, hashlib.sha256(secret.encode()).digest())


def caller_of(tokens: Iterable[Token], secret: str | None) -> Caller | None:
    """Return whose token this is, None for nobody's; all are compared, so that the time says nothing."""
    digest = hashlib.sha256((secret or "").encode("utf-8", "surrogateescape")).digest()
    found = None
    for token in tokens:
        if hmac.compare_digest(digest, token.digest) and secret:
            found = Caller(token.name, token.role)
    return found


_bearer = HTTPBearer(auto_error=False, description="Needed where the service was started with tokens.")


def _caller(
    request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Caller:
    tokens: tuple[Token, ...] = request.app.state.tokens
    if not tokens:
        return Caller("", "write")
    found = caller_of(tokens, given.credentials if given else None)
    if found is None:
        said = "this token is not known" if given else "a token is needed"
        raise Refused(401, said, "Send it as: Authorization: Bearer TOKEN", {"WWW-Authenticate": "Bearer"})
    return found


class Needs:
    """A dependency of routes: the caller, whose role has to be enough."""

    def __init__(self, role: str) -> None:
        self.role = role

    def __call__(self, caller: Annotated[Caller, Depends(_caller)]) -> Caller:
        """Return the caller; raises Refused with 403 for a role too low."""
        if not caller.may(self.role):
            raise Refused(
                403,
                f"the token of {caller.name} has the role {caller.role}, and this needs {self.role}",
                "Ask whoever runs the service for another token.",
            )
        return caller
