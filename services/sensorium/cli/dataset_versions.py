"""`sensorium dataset version` and `publish`: make, list, delete and freeze the versions of a dataset."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sensorium.cli import progress
from sensorium.cli.dataset_options import About, Name, Version
from sensorium.cli.options import command
from sensorium.cli.session import Session

if TYPE_CHECKING:
    from sensorium.client import Client
    from sensorium.model.dataset import DatasetVersion

Source = Annotated[int, typer.Option("--from", min=0, help="The version to copy; 0 begins an empty one.")]
Uri = Annotated[str, typer.Option(help="Where its files are.", show_default="the source's or the dataset's")]
Storage = Annotated[
    str, typer.Option("--connection", help="The storage connection.", show_default="the source's or the dataset's")
]
Wait = Annotated[bool, typer.Option(help="Wait until a copy is whole, with a bar; else it goes on by itself.")]

group = typer.Typer(no_args_is_help=True)


@group.command()
@command
def create(
    session: Session,
    dataset: Name,
    *,
    source: Source = 0,
    uri: Uri = "",
    connection: Storage = "",
    description: About = "",
    wait: Wait = True,
) -> None:
    """Create the next version of a dataset: empty, or with the files and tags of another.

    A copy of many files takes a while: 1,000,000 about two minutes. Until it is a draft it cannot be read or changed.

    [green]sensorium dataset version create road --from 1 --description "before the new tags"[/]

    [green]sensorium dataset version create road --from 1 --no-wait[/]
    """
    from sensorium.cli.dataset_tables import copy_line

    if uri and "://" not in uri and not connection:
        uri = str(Path(uri).resolve())
    with session.client() as client:
        made = client.datasets.create_version(
            dataset, source=source, description=description, uri=uri, connection=connection, wait=False
        )
        if wait and made.copy:
            made = _copied(session, client, made)
    done = f"created {made.name} with {made.file_count:,} files"
    session.output.show(made, copy_line(made) if made.copy else done)


@group.command()
@command
def show(session: Session, dataset: Name, *, version: Version = 0) -> None:
    """Show a version: its files and state and, while it is being copied, how far it is.

    [green]sensorium dataset version show road --version 2[/]
    """
    from sensorium.cli.dataset_tables import version_text

    with session.client() as client:
        found = client.datasets.version(dataset, version)
    session.output.show(found, version_text(found))


@group.command()
@command
def watch(
    session: Session,
    dataset: Name,
    version: Annotated[int, typer.Argument(metavar="VERSION", min=1, help="The number of the version, 2 for v2.")],
) -> None:
    """Follow the copy of a version until it is whole.

    [green]sensorium dataset version watch road 2[/]
    """
    with session.client() as client:
        found = _copied(session, client, client.datasets.version(dataset, version))
    session.output.show(found, f"{found.name} has {found.file_count:,} files")


@group.command("list")
@command
def list_(session: Session, dataset: Name) -> None:
    """List the versions of a dataset, latest first.

    [green]sensorium dataset version list road[/]
    """
    from sensorium.cli.dataset_tables import versions_table

    with session.client() as client:
        found = list(client.datasets.versions(dataset))
    session.output.show_each(found, versions_table(found))


@group.command()
@command
def delete(
    session: Session,
    dataset: Name,
    version: Annotated[int, typer.Argument(metavar="VERSION", min=1, help="The number of the version, 2 for v2.")],
) -> None:
    """Delete a version with its records and vectors; the files in storage stay.

    [green]sensorium dataset version delete road 2[/]
    """
    with session.client() as client:
        client.datasets.delete_version(dataset, version)
    session.output.show({"deleted": f"{dataset}/v{version}"}, f"deleted version {version} of {dataset}")


@command
def publish(session: Session, dataset: Name, version: Version = 0) -> None:
    """Make a version immutable: its files and tags never change again, and `version create --from` goes on from it.

    [green]sensorium dataset publish road --version 2[/]
    """
    with session.client() as client:
        published = client.datasets.publish(dataset, version)
    session.output.show(published, f"published {published.name}")


def register(datasets: typer.Typer) -> None:
    """Add the commands to those of datasets."""
    datasets.add_typer(group, name="version", help="Make, list, follow and delete versions.")
    datasets.command()(publish)


def _copied(session: Session, client: "Client", begun: "DatasetVersion") -> "DatasetVersion":
    """Show how far the copy of a version is until it is whole."""
    found, told = begun, ""
    with progress.followed(session.output, "files") as advance:
        for found in client.datasets.watch_copy(str(begun.name.dataset), begun.name.number):
            copy = found.copy
            advance(found.file_count, copy.total_count if copy else found.file_count)
            if copy and copy.error and copy.error.message != told:
                told = copy.error.message
                session.output.say(f"the copy waits: {told}")
    return found
