"""The options that commands on datasets share, and how their jobs are started."""

from typing import TYPE_CHECKING, Annotated

import typer

from sensorium.cli.job_progress import followed
from sensorium.cli.session import Session

if TYPE_CHECKING:
    from sensorium.model.dataset_job import Work

Name = Annotated[str, typer.Argument(metavar="DATASET", help="The dataset's id.", show_default=False)]
Version = Annotated[int, typer.Option(min=0, help="The number of the version, 2 for v2; 0 means the latest.")]
About = Annotated[str, typer.Option("--description", help="What it is for.")]
Filter = Annotated[
    str,
    typer.Option(
        help="Only files that satisfy this filter, as in 'Tags HAS \"night\" AND DataSize > 1000' (docs/filters.md).",
        show_default="all files",
    ),
]
Incremental = Annotated[bool, typer.Option("--incremental", help="Only files that changed, or have not succeeded yet.")]
Concurrency = Annotated[
    int, typer.Option(min=0, max=64, help="Batches of files at work at once; 0 means the server's default, 2.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what it would change, and change nothing.")]
Detach = Annotated[bool, typer.Option("--detach", help="Start it, and do not wait; `sensorium job watch` follows it.")]


def started(
    session: Session,
    dataset: str,
    work: "Work",
    version: int,
    concurrency: int = 0,
    *,
    incremental: bool = False,
    dry_run: bool = False,
    detach: bool = False,
) -> None:
    """Start a job, and follow it with a bar unless told otherwise."""
    from sensorium.cli.dataset_tables import job_line, plan_line

    with session.client() as client:
        job = client.datasets.start(
            dataset, work, version, incremental=incremental, concurrency=concurrency, dry_run=dry_run
        )
        if dry_run:
            session.output.show(job, plan_line(job))
        elif detach:
            session.output.show(job, job_line(job))
        else:
            followed(session, client, str(job.name))
