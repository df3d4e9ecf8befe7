"""The permit of calls that nobody asks for a key: it allows everything and charges nobody."""

from sensorium.model.access import Named


class Anybody:
    """Satisfies `Permit`."""

    @property
    def key_id(self) -> str:
        """No key."""
        return ""

    @property
    def bounded(self) -> bool:
        """Names do not matter."""
        return False

    def request(self, named: Named, count: int) -> None:
        """Let it pass."""

    def used(self, tokens: int) -> None:
        """Charge nobody."""


ANYBODY = Anybody()
