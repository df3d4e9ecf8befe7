"""What this process still waits for before it can serve: named checks, and word of every change."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping


class Readiness:
    """Named checks, each passing or failing for a reason; whoever knows sets them, health and /readyz follow.

    Args:
        checks: Checks that fail until somebody sets them.
    """

    def __init__(self, *checks: str) -> None:
        self._reasons: dict[str, str] = {}
        self._changed = asyncio.Event()
        self._closed = False
        for check in checks:
            self.expect(check)

    def expect(self, check: str) -> None:
        """Let `check` fail until somebody sets it, unless somebody has."""
        self._reasons.setdefault(check, "not started")

    def set(self, check: str, ready: bool, reason: str = "") -> None:
        """Let `check` pass, or fail for `reason`."""
        self._reasons[check] = "" if ready else reason or "not ready"
        self._wake()

    def failing(self, checks: Collection[str] | None = None) -> Mapping[str, str]:
        """Return why each failing check of `checks`, or of all, fails; empty means ready."""
        return {
            check: reason for check, reason in self._reasons.items() if reason and (checks is None or check in checks)
        }

    async def changes(self) -> AsyncIterator[None]:
        """Yield at once and then after each change, the last one before `close` included.

        A slow follower skips to the latest.
        """
        while True:
            changed, closed = self._changed, self._closed
            yield
            if closed:
                return
            await changed.wait()

    def close(self) -> None:
        """End every `changes`."""
        self._closed = True
        self._wake()

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
