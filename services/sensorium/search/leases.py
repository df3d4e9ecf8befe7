"""Who drives which job: a lease that ends unless it is renewed, so that the work of a driver that died goes on."""

import time

LEASE_SECONDS = 30.0


class Leases:
    """Leases in memory: after a restart whoever reports first has the job."""

    def __init__(self) -> None:
        self._held: dict[str, tuple[str, float]] = {}

    def take(self, job_id: str, driver: str) -> bool:
        """Take or renew the lease of a job; return False when another driver has it."""
        holder, until = self._held.get(job_id, (driver, 0.0))
        if holder != driver and time.monotonic() < until:
            return False
        self._held[job_id] = (driver, time.monotonic() + LEASE_SECONDS)
        return True

    def end(self, job_id: str) -> None:
        """Forget the lease of a job that has ended."""
        self._held.pop(job_id, None)
