"""`sensorium job`: list jobs, follow them, and tell them what to do."""

from dataclasses import fields
from typing import TYPE_CHECKING, Annotated

import typer

from sensorium.cli.choices import JobStateName
from sensorium.cli.job_progress import followed
from sensorium.cli.options import command
from sensorium.cli.session import Session

if TYPE_CHECKING:
    from sensorium.model.dataset_job import Job

Name = Annotated[
    str, typer.Argument(metavar="JOB", help="The job: {dataset}/{job}, as `job list` shows it.", show_default=False)
]
Dataset = Annotated[str, typer.Option(help="The dataset's id; - means all of the workspace.")]
States = Annotated[
    list[JobStateName] | None, typer.Option("--state", help="Only jobs that stand so; may be given again.")
]
Failed = Annotated[bool, typer.Option("--failed", help="Only those that failed.")]

group = typer.Typer(no_args_is_help=True)
ABOUT = """List jobs, follow them, and tell them what to do.

`sensorium dataset import`, `tag`, `index`, `export` and others start jobs, which go on when their command is stopped.

[green]sensorium job list --state Running[/]

[green]sensorium job watch road/job-1a2b[/]
"""


@group.command("list")
@command
def list_(session: Session, dataset: Dataset = "-", state: States = None) -> None:
    """List jobs, latest first.

    [green]sensorium job list --state Running --state Paused[/]
    """
    from sensorium.cli.dataset_tables import jobs_table
    from sensorium.model.dataset_job import JobState

    with session.client() as client:
        found = list(client.datasets.jobs(dataset, [JobState(each) for each in state or ()]))
    session.output.show_each(map(_document, found), jobs_table(found) if found else "no jobs")


@group.command()
@command
def show(session: Session, job: Name) -> None:
    """Show all that is known of a job: what it does, where it stands, and what happened.

    [green]sensorium job show road/job-1a2b[/]
    """
    from sensorium.cli.dataset_tables import job_text

    with session.client() as client:
        found = client.datasets.job(job)
    session.output.show(_document(found), job_text(found))


@group.command()
@command
def change(
    session: Session,
    job: Name,
    description: Annotated[str | None, typer.Option(help="What it is for.")] = None,
    concurrency: Annotated[int | None, typer.Option(min=1, max=64, help="Batches of files at work at once.")] = None,
) -> None:
    """Change what describes a job, or how many batches it works on at once, also while it runs.

    [green]sensorium job change road/job-1a2b --concurrency 4[/]
    """
    with session.client() as client:
        _show(session, client.datasets.change_job(job, description=description, concurrency=concurrency))


@group.command()
@command
def delete(session: Session, job: Name) -> None:
    """Delete a job that has ended, with its list of files; what it has done stays done.

    [green]sensorium job delete road/job-1a2b[/]
    """
    with session.client() as client:
        client.datasets.delete_job(job)
    session.output.show({"deleted": job}, f"deleted {job}")


@group.command()
@command
def watch(session: Session, job: Name) -> None:
    """Follow a job with a bar until it has ended or rests; the exit status says how it ended.

    [green]sensorium job watch road/job-1a2b[/]
    """
    with session.client() as client:
        followed(session, client, job)


@group.command()
@command
def files(session: Session, job: Name, *, failed: Failed = False) -> None:
    """Show what became of the files of a job: their state, and why one failed.

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
    """Let a job rest after the files that are at work; `job resume` lets it go on.

    [green]sensorium job pause road/job-1a2b[/]
    """
    with session.client() as client:
        _show(session, client.datasets.pause(job))


@group.command()
@command
def resume(session: Session, job: Name) -> None:
    """Let a job go on that rests: because it was told to, or because a service, a storage or room was not there.

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
    """Work on the failed files of an ended job again, and on no others; `job watch` follows it.

    [green]sensorium job retry road/job-1a2b[/]
    """
    with session.client() as client:
        _show(session, client.datasets.retry(job))


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="job", help=ABOUT)


def _show(session: Session, job: "Job") -> None:
    from sensorium.cli.dataset_tables import job_line

    session.output.show(_document(job), job_line(job))


def _document(job: "Job") -> dict[str, object]:
    """Return a job for programs, which cannot tell from its work what it does."""
    from sensorium.cli.dataset_tables import work_word

    return {"kind": work_word(job.spec.work)} | {each.name: getattr(job, each.name) for each in fields(job)}
