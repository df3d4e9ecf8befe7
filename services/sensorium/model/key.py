"""A key: who a caller is, what it may do, and how much of it."""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sensorium.errors import InvalidArgument
from sensorium.model.access import KeyRole
from sensorium.model.names import ID_PATTERN, check_id

MAX_NAME_CHARACTERS = 128
MAX_RATE = 1_000_000_000

_SCOPE = re.compile(rf"{ID_PATTERN}\*?")


class KeyState(StrEnum):
    """Whether a key is good."""

    ACTIVE = "active"
    REVOKED = "revoked"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class KeySpec:
    """What a key is made with.

    Attributes:
        name: Whose key it is, for people; 1 to 128 printable characters.
        role: What it may do.
        expire_time: When it ends by itself; None means never.
        workspace: The only workspace that it reaches; empty means any.
        collections: The only collections that it reaches, by id, or by the start of their ids as `prefix*`; empty
            means all. They need a workspace.
        requests_per_minute: How many requests it has; 0 means any number.
        tokens_per_minute: How many tokens models may see for it; 0 means any number.

    Raises:
        InvalidArgument: A value is out of range; the error names its field.
    """

    name: str
    role: KeyRole
    expire_time: datetime | None = None
    workspace: str = ""
    collections: tuple[str, ...] = ()
    requests_per_minute: int = 0
    tokens_per_minute: int = 0

    def __post_init__(self) -> None:
        if not 1 <= len(self.name) <= MAX_NAME_CHARACTERS or not self.name.isprintable():
            raise InvalidArgument(f"name: 1 to {MAX_NAME_CHARACTERS} printable characters", field="name")
        if self.workspace:
            check_id(self.workspace, "workspace")
        if self.collections and not self.workspace:
            raise InvalidArgument("workspace: a key for some collections needs one", field="workspace")
        for scope in self.collections:
            _check_scope(scope)
        _check_rate(self.requests_per_minute, "requests_per_minute")
        _check_rate(self.tokens_per_minute, "tokens_per_minute")

    def reaches(self, collection: str) -> bool:
        """Return whether the collection or alias of this id, in the key's workspace, is in its scope."""
        return not self.collections or any(_matches(scope, collection) for scope in self.collections)


@dataclass(frozen=True, slots=True)
class Key:
    """A key as it is kept, without its secret.

    Attributes:
        id: Names it in commands and log lines; part of the secret.
        spec: What it was made with.
        create_time: When it was made.
        revoke_time: When it was revoked; None when it was not.
        generation: How often its secret was replaced.
        previous_until: Until when the secret before is good too; None when there is none.
    """

    id: str
    spec: KeySpec
    create_time: datetime
    revoke_time: datetime | None = None
    generation: int = 0
    previous_until: datetime | None = None

    def state(self, now: datetime) -> KeyState:
        """Return whether it is good at the moment `now`."""
        if self.revoke_time is not None:
            return KeyState.REVOKED
        expired = self.spec.expire_time is not None and self.spec.expire_time <= now
        return KeyState.EXPIRED if expired else KeyState.ACTIVE


def _matches(scope: str, collection: str) -> bool:
    return collection.startswith(scope[:-1]) if scope.endswith("*") else collection == scope


def _check_scope(scope: str) -> None:
    if not _SCOPE.fullmatch(scope):
        raise InvalidArgument(
            f"collections: {scope!r} is neither the id of a collection nor the start of ids followed by *",
            field="collections",
        )


def _check_rate(rate: int, field: str) -> None:
    if not 0 <= rate <= MAX_RATE:
        raise InvalidArgument(f"{field}: {rate} is not within 0 and {MAX_RATE:,}", field=field)
