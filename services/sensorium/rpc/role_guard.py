"""Stands before every call of a role behind the gateway: the mesh's own processes know a secret, or show certificates.

Keys are the gateway's business: whatever reaches a role has passed it.
"""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from sensorium.errors import Unauthenticated
from sensorium.model.access import KeyRole, Rule
from sensorium.model.anybody import ANYBODY, permit_for
from sensorium.ports import Guard, Permit
from sensorium.rpc.outgoing import KEY_HEADER

MESH_HEADER = "x-sensorium-mesh-token"

_RULE = Rule(KeyRole.READ)


class RoleGuard(Guard):
    """Asks callers for the mesh token.

    Args:
        token: The token; empty asks for none.
        certified: Whether nobody without a certificate of the mesh can connect.
    """

    def __init__(self, token: str = "", *, certified: bool = False) -> None:
        self._digest = _digest(token) if token else b""
        self._certified = certified

    @property
    def closed(self) -> bool:
        """Whether strangers are refused."""
        return bool(self._digest) or self._certified

    @property
    def remedy(self) -> str:
        """How it is closed."""
        return "set SENSORIUM_MESH__TOKEN, or certificate, key and ca of SENSORIUM_MESH__TLS"

    def rule(self, method: str) -> Rule:  # noqa: ARG002
        """Return the rule of all methods: whoever belongs to the mesh may call them."""
        return _RULE

    def admit_signer(self, rule: Rule, key_id: str) -> Permit:  # noqa: ARG002
        """Let any call begin while nobody is refused: a mesh has no keys. Raises Unauthenticated."""
        if self.closed:
            raise Unauthenticated("this role serves its mesh alone, which signs nothing")
        return ANYBODY

    def admit(self, rule: Rule, headers: Mapping[str, Any]) -> Permit:  # noqa: ARG002
        """Let a call of the mesh begin, for the key that the gateway names. Raises Unauthenticated."""
        if self._digest and not hmac.compare_digest(_digest(headers.get(MESH_HEADER, "")), self._digest):
            raise Unauthenticated("this role serves its mesh alone: the mesh token is missing or wrong")
        return permit_for(headers.get(KEY_HEADER, ""))


OPEN = RoleGuard()


def _digest(token: str) -> bytes:
    """Return a hash, so that comparing tells nothing of a token, its length included."""
    return hashlib.sha256(token.encode()).digest()
