"""Follows a job with a progress bar, and says how it ended."""

from typing import TYPE_CHECKING

from sensorium.cli import progress
from sensorium.cli.session import Session

if TYPE_CHECKING:
    from sensorium.client import Client


def followed(session: Session, client: "Client", name: str) -> None:
    """Show a job until it has ended or rests; end with the status for partial failure when files failed."""
    from sensorium.cli.dataset_tables import job_line

    job = None
    with progress.followed(session.output, "files") as advance:
        for job in client.datasets.watch(name):
            advance(job.succeeded_count + job.failed_count + job.skipped_count, job.total_count)
    if job is None:
        return
    session.output.show(job, job_line(job))
    if job.error:
        raise job.error
    session.partial(job.failed_count, job.total_count, "files")
