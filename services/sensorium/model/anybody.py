"""The permit of calls that nobody asks for a key: it allows everything and charges nobody."""

from sensorium.model.access import Named
from sensorium.model.names import DEFAULT_WORKSPACE


class Anybody:
    """Satisfies `Permit`."""

    @property
    def key_id(self) -> str:
        """No key."""
        return ""

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

    def request(self, named: Named, count: int) -> None:
        """Let it pass."""

    def used(self, tokens: int) -> None:
        """Charge nobody."""


ANYBODY = Anybody()
