"""`sensorium reindex` and `sensorium snapshot`: long work on collections, with progress."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from sensorium.cli.options import command
from sensorium.cli.output import Output
from sensorium.cli.progress import followed
from sensorium.cli.session import Session

if TYPE_CHECKING:
    from sensorium.model.job import CollectionJob

Collection = Annotated[str, typer.Argument(metavar="COLLECTION", help="The collection's id.", show_default=False)]
Snapshot = Annotated[str, typer.Argument(metavar="SNAPSHOT", help="The snapshot's id.", show_default=False)]
NewCollection = Annotated[
    str, typer.Argument(metavar="NEW_COLLECTION", help="The id of the collection to make.", show_default=False)
]
NewSnapshot = Annotated[str, typer.Option("--id", help="The snapshot's id; made from the time without one.")]

group = typer.Typer(no_args_is_help=True)


@command
def reindex(session: Session, collection: Collection) -> None:
    """Build the index of a collection again from its stored documents. Searches and writes go on meanwhile.

    Ctrl-C leaves the job at work: `sensorium collection jobs` shows it.

    [green]sensorium reindex garage[/]
    """
    with session.client() as client, _shown(session.output, f"reindex {collection}") as on_change:
        job = client.reindex(collection, on_change=on_change)
    session.output.show(job, f"{job.done_count:,} documents are indexed anew")


@group.command()
@command
def create(session: Session, collection: Collection, *, snapshot: NewSnapshot = "") -> None:
    """Copy a collection as it is at one moment, while it is written to.

    [green]sensorium snapshot create garage --id monday[/]
    """
    with session.client() as client, _shown(session.output, f"snapshot of {collection}") as on_change:
        job = client.make_snapshot(collection, snapshot, on_change=on_change)
        made = job.work.snapshot_id  # type: ignore[union-attr]
    session.output.show(job, f"{made} holds {job.done_count:,} documents")


@group.command("list")
@command
def list_(session: Session, collection: Collection) -> None:
    """List the snapshots of a collection, latest first; the collection need not exist any more.

    [green]sensorium snapshot list garage[/]
    """
    from sensorium.cli.tables import snapshots_table

    with session.client() as client:
        found = list(client.snapshots(collection))
    session.output.show_each(found, snapshots_table(found) if found else "no snapshots")


@group.command()
@command
def restore(session: Session, collection: Collection, snapshot: Snapshot, new_collection: NewCollection) -> None:
    """Make a new collection from a snapshot. It can be seen when it is whole.

    [green]sensorium snapshot restore garage monday garage-of-monday[/]
    """
    with session.client() as client, _shown(session.output, f"restore {snapshot}") as on_change:
        job = client.restore_snapshot(collection, snapshot, new_collection, on_change=on_change)
    session.output.show(job, f"{new_collection} holds {job.done_count:,} documents")


@group.command()
@command
def delete(session: Session, collection: Collection, snapshot: Snapshot) -> None:
    """Delete a snapshot.

    [green]sensorium snapshot delete garage monday[/]
    """
    with session.client() as client:
        client.delete_snapshot(collection, snapshot)
    session.output.show({"deleted": snapshot}, f"deleted {snapshot}")


@contextmanager
def _shown(output: Output, description: str) -> "Iterator[Callable[[CollectionJob], None]]":
    """Show a bar that follows a job, with its rate and the time that is left."""
    with followed(output, description) as follow:
        yield lambda job: follow(job.done_count, job.total_count)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(reindex)
    app.add_typer(group, name="snapshot", help="Make, list, restore and delete snapshots of collections.")
