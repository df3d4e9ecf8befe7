"""The permit of calls that nobody asks for a key: it allows everything and charges nobody."""

from sensorium.model.access import Named
from sensorium.model.names import DEFAULT_WORKSPACE


class Anybody:
    """Satisfies `Permit`; `key_id` is that of the caller's key, which was asked for elsewhere, or empty."""

    __slots__ = ("_key_id",)

    def __init__(self, key_id: str = "") -> None:
        self._key_id = key_id

    @property
    def key_id(self) -> str:
        """For whose key it is; empty for none."""
        return self._key_id

    @property
    def generations(self) -> tuple[int, ...]:
        """None."""
        return ()

    @property
    def workspace(self) -> str:
        """The default."""
        return DEFAULT_WORKSPACE

    @property
    def bounded(self) -> bool:
        """Names do not matter."""
        return False

    @property
    def scoped(self) -> bool:
        """Nothing is out of reach."""
        return False

    def request(self, named: Named, count: int) -> None:
        """Let it pass."""

    def used(self, tokens: int) -> None:
        """Charge nobody."""


ANYBODY = Anybody()


def permit_for(key_id: str) -> Anybody:
    """Return the permit of calls for a key that somebody else has let pass."""
    return Anybody(key_id) if key_id else ANYBODY
