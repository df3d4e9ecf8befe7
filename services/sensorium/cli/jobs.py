"""`sensorium job`: list jobs, follow them, and tell them what to do."""

from typing import TYPE_CHECKING, Annotated

import typer

from sensorium.cli.job_progress import followed
from sensorium.cli.options import command
from sensorium.cli.session import Session

if TYPE_CHECKING:
    from sensorium.model.dataset_job import Job

Name = Annotated[
    str, typer.Argument(metavar="JOB", help="The job: {dataset}/{job}, as `job list` shows it.", show_default=False)
]
Dataset = Annotated[str, typer.Option(help="The dataset's id; - means all.")]
Failed = Annotated[bool, typer.Option("--failed", help="Only those that failed.")]

group = typer.Typer(no_args_is_help=True)


@group.command("list")
@command
def list_(session: Session, dataset: Dataset = "-") -> None:
    """List jobs, latest first.

    [green]sensorium job list[/]
    """
    from sensorium.cli.dataset_tables import jobs_table

    with session.client() as client:
        found = list(client.datasets.jobs(dataset))
    session.output.show_each(found, jobs_table(found) if found else "no jobs")


@group.command()
@command
def watch(session: Session, job: Name) -> None:
    """Follow a job until it has ended or rests.

    [green]sensorium job watch road/job-1a2b[/]
    """
    with session.client() as client:
        followed(session, client, job)


@group.command()
@command
def files(session: Session, job: Name, *, failed: Failed = False) -> None:
    """Show what became of the files of a job.

    [green]sensorium job files road/job-1a2b --failed[/]
    """
    from sensorium.model.dataset_job import JobFileState

    with session.client() as client:
        for each in client.datasets.job_files(job, [JobFileState.FAILED] if failed else []):
            why = f"  {each.error.reason}: {each.error.message}" if each.error else ""
            session.output.show(each, f"{each.state.value:9} {each.uri}{why}")


@group.command()
@command
def pause(session: Session, job: Name) -> None:
    """Let a job rest after the files that are at work.

    [green]sensorium job pause road/job-1a2b[/]
    """
    with session.client() as client:
        _show(session, client.datasets.pause(job))


@group.command()
@command
def resume(session: Session, job: Name) -> None:
    """Let a paused job go on.

    [green]sensorium job resume road/job-1a2b[/]
    """
    with session.client() as client:
        _show(session, client.datasets.resume(job))


@group.command()
@command
def cancel(session: Session, job: Name) -> None:
    """Stop a job for good; what is done stays done.

    [green]sensorium job cancel road/job-1a2b[/]
    """
    with session.client() as client:
        _show(session, client.datasets.cancel(job))


@group.command()
@command
def retry(session: Session, job: Name) -> None:
    """Work on the failed files of an ended job again.

    [green]sensorium job retry road/job-1a2b[/]
    """
    with session.client() as client:
        _show(session, client.datasets.retry(job))


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="job", help="List jobs, follow them, and tell them what to do.")


def _show(session: Session, job: "Job") -> None:
    from sensorium.cli.dataset_tables import job_line

    session.output.show(job, job_line(job))
