"""`sensorium dataset version` and `publish`: make, list, delete and freeze the versions of a dataset."""

from pathlib import Path
from typing import Annotated

import typer

from sensorium.cli.dataset_options import About, Name, Version
from sensorium.cli.options import command
from sensorium.cli.session import Session

Source = Annotated[int, typer.Option("--from", min=0, help="The version to copy; 0 begins an empty one.")]
Uri = Annotated[str, typer.Option(help="Where its files are; else where those of the source or the dataset are.")]
Storage = Annotated[str, typer.Option("--connection", help="The storage connection; else the source's or dataset's.")]

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
) -> None:
    """Create the next version of a dataset: empty, or with the files and tags of another.

    [green]sensorium dataset version create road --from 1[/]
    """
    if uri and "://" not in uri and not connection:
        uri = str(Path(uri).resolve())
    with session.client() as client:
        made = client.datasets.create_version(
            dataset, source=source, description=description, uri=uri, connection=connection
        )
    session.output.show(made, f"created {made.name} with {made.file_count:,} files")


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
    version: Annotated[int, typer.Argument(metavar="VERSION", min=1, help="The number of the version.")],
) -> None:
    """Delete a version with its records and vectors; the files in storage stay.

    [green]sensorium dataset version delete road 2[/]
    """
    with session.client() as client:
        client.datasets.delete_version(dataset, version)
    session.output.show({"deleted": f"{dataset}/v{version}"}, f"deleted version {version} of {dataset}")


@command
def publish(session: Session, dataset: Name, version: Version = 0) -> None:
    """Make a version immutable.

    [green]sensorium dataset publish road[/]
    """
    with session.client() as client:
        published = client.datasets.publish(dataset, version)
    session.output.show(published, f"published {published.name}")


def register(datasets: typer.Typer) -> None:
    """Add the commands to those of datasets."""
    datasets.add_typer(group, name="version", help="Make, list and delete versions.")
    datasets.command()(publish)
