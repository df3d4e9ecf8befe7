"""Tells those who wait in this process that a job has changed."""

import asyncio


class Signals:
    """Wakes those who wait for a job. Changes by other processes wake nobody, so every wait has an end."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Event]] = {}

    def tell(self, job: str) -> None:
        """Wake all who wait for `job`."""
        for event in self._waiting.get(job, ()):
            event.set()

    async def changed(self, job: str, seconds: float) -> None:
        """Return when `job` has changed, or after `seconds`."""
        event = asyncio.Event()
        self._waiting.setdefault(job, set()).add(event)
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            return
        finally:
            self._waiting[job].discard(event)
            if not self._waiting[job]:
                del self._waiting[job]
