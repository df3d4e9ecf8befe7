"""Follows a job with a progress bar, and says how it ended."""

from typing import TYPE_CHECKING

from sensorium.cli.progress import progress
from sensorium.cli.session import Session

if TYPE_CHECKING:
    from sensorium.client import Client


def followed(session: Session, client: "Client", name: str) -> None:
    """Show a job until it has ended or rests; end with the status for partial failure when files failed."""
    from sensorium.cli.dataset_tables import job_line

    job, done = None, 0
    with progress(session.output, "files", None) as advance:
        for job in client.datasets.watch(name):
            now = job.succeeded_count + job.failed_count + job.skipped_count
            advance(now - done)
            done = now
    if job is None:
        return
    session.output.show(job, job_line(job))
    if job.error:
        raise job.error
    session.partial(job.failed_count, job.total_count, "files")
