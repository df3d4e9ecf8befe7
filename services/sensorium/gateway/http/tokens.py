"""Keys as most families show them: in `authorization`, with or without `Bearer`, or in a header of their own."""

from sensorium.gateway.http.call import Arrival
from sensorium.model.access import Rule
from sensorium.ports import Guard, Permit

_HEADER = "authorization"
_SCHEME = "bearer "


class TokenCredentials:
    """Satisfies `Credentials`.

    Args:
        raw: Whether `authorization` may hold the key alone.
        others: Headers that may hold it in place of `authorization`.
    """

    def __init__(self, *, raw: bool = False, others: tuple[str, ...] = ()) -> None:
        self._raw = raw
        self._others = others

    def admit(self, guard: Guard, rule: Rule, arrival: Arrival) -> Permit:
        """Let a request with a good key begin. Raises Unauthenticated and PermissionDenied."""
        shown = self._shown(arrival)
        return guard.admit(rule, {} if shown is None else {_HEADER: shown})

    def verify(self, permit: Permit, arrival: Arrival, body: bytes) -> None:
        """Nothing of the body is needed."""

    def _shown(self, arrival: Arrival) -> str | None:
        given = arrival.headers.get(_HEADER)
        if given is not None:
            return given if given.lower().startswith(_SCHEME) or not self._raw else f"Bearer {given}"
        other = next((arrival.headers[name] for name in self._others if name in arrival.headers), None)
        return None if other is None else f"Bearer {other}"
