"""Stands before every call of a gateway: who are you, may you do this, and have you not had enough?"""

from collections.abc import Mapping
from typing import Any

from sensorium.errors import PermissionDenied, Unauthenticated
from sensorium.gateway.keys.permissions import RULES, UNDECLARED
from sensorium.gateway.keys.ring import HeldKey, KeyRing
from sensorium.model.access import Named, Rule
from sensorium.model.anybody import ANYBODY
from sensorium.model.names import DEFAULT_WORKSPACE, collection_id_of, workspace_of
from sensorium.ports import Guard, Permit

HEADER = "authorization"
_SCHEME = "bearer"


class KeyGuard(Guard):
    """Asks callers for a key (`authorization: Bearer sk-…`).

    Args:
        ring: The keys.
        local: Whether nobody but this machine can call; without any key in the ring, calls then need none.
        local_open: Whether, if `local`, calls need no key though there are keys. One that is shown still counts.
    """

    def __init__(self, ring: KeyRing, *, local: bool, local_open: bool = False) -> None:
        self._ring = ring
        self._local = local
        self._local_open = local and local_open

    @property
    def closed(self) -> bool:
        """Whether callers without a key are refused."""
        return bool(self._ring) and not self._local_open

    @property
    def remedy(self) -> str:
        """How it is closed."""
        return "make a key with `sensorium key create`"

    def rule(self, method: str) -> Rule:
        """Return what `method` needs."""
        return RULES.get(method, UNDECLARED)

    def admit(self, rule: Rule, headers: Mapping[str, Any]) -> Permit:
        """Let a call with a key begin, or any call where none is needed.

        Raises:
            Unauthenticated: KEY_INVALID.
            PermissionDenied: The key lacks the role, or reaches some collections alone. Metadata: `required`.
        """
        if self._local and not self._ring:
            return ANYBODY
        shown = headers.get(HEADER)
        if shown is None:
            if self._local_open:
                return ANYBODY
            raise Unauthenticated("the call carries no key: send `authorization: Bearer sk-…`")
        scheme, _, secret = str(shown).partition(" ")
        if scheme.lower() != _SCHEME:
            raise Unauthenticated("the call carries no key: `authorization` is not `Bearer sk-…`")
        return self._permit(self._ring.find(secret.strip()), rule)

    def admit_signer(self, rule: Rule, key_id: str) -> Permit:
        """Let a call begin that names a key, whose signature is still to be checked.

        Raises:
            Unauthenticated: KEY_INVALID.
            PermissionDenied: The key is not enough for the method. Metadata: `required`.
        """
        if self._local and not self._ring:
            return ANYBODY
        return self._permit(self._ring.named(key_id), rule)

    def _permit(self, held: HeldKey, rule: Rule) -> "KeyPermit":
        permit = KeyPermit(self._ring, held, rule)
        permit.check_method()
        return permit


class KeyPermit(Permit):
    """What a call with a key may do.

    Args:
        ring: Knows whether the key is still good.
        held: The key.
        rule: What the method needs.
    """

    __slots__ = ("_held", "_ring", "_rule")

    def __init__(self, ring: KeyRing, held: HeldKey, rule: Rule) -> None:
        self._ring = ring
        self._held = held
        self._rule = rule

    @property
    def key_id(self) -> str:
        """The key."""
        return self._held.key.id

    @property
    def generations(self) -> tuple[int, ...]:
        """Those of its secret that are good now, the latest first."""
        return self._ring.generations(self._held.key.id)

    @property
    def workspace(self) -> str:
        """The only one that the key reaches, or else the default."""
        return self._held.key.spec.workspace or DEFAULT_WORKSPACE

    @property
    def bounded(self) -> bool:
        """Whether the key is for one workspace alone."""
        return bool(self._held.key.spec.workspace)

    @property
    def scoped(self) -> bool:
        """Whether the key is for some collections alone."""
        return bool(self._held.key.spec.collections)

    def check_method(self) -> None:
        """Raise PermissionDenied when the key is not enough for the method, whatever the request says."""
        key, rule = self._held.key, self._rule
        if not key.spec.role.allows(rule.role):
            raise _denied(f"the key {key.id} has the role {key.spec.role}, the method needs {rule.role}", rule.role)
        if rule.whole and self.scoped:
            message = f"the key {key.id} is for some collections, the method is about all of a workspace"
            raise _denied(message, f"workspaces/{key.spec.workspace}")

    def request(self, named: Named, count: int) -> None:
        """Let one request pass.

        Raises:
            Unauthenticated: The key was revoked, or expired, since the call began.
            PermissionDenied: It names what the key does not reach. Metadata: `required`.
            ResourceExhausted: RATE_LIMITED.
        """
        self._ring.check(self._held)
        if self.bounded:
            self._check_names(named)
        self._held.meter.request(count)

    def used(self, tokens: int) -> None:
        """Charge what a response consumed."""
        self._held.meter.used(tokens)

    def _check_names(self, named: Named) -> None:
        key = self._held.key
        for name in (*named.shared, *named.collections):
            workspace = workspace_of(name)
            if workspace != key.spec.workspace:
                message = f"the key {key.id} is for the workspace {key.spec.workspace} alone"
                raise _denied(message, f"workspaces/{workspace}")
        for collection in (*map(collection_id_of, named.collections), *filter(None, named.collection_ids)):
            if not key.spec.reaches(collection):
                message = f"the key {key.id} is for {', '.join(key.spec.collections)} alone"
                raise _denied(message, f"workspaces/{key.spec.workspace}/collections/{collection}")


def _denied(message: str, required: str) -> PermissionDenied:
    return PermissionDenied(message, metadata={"required": required})
