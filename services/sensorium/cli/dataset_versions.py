"""`sensorium dataset new-version` and `publish`: what becomes of a dataset's versions."""

from typing import Annotated

import typer

from sensorium.cli.dataset_options import Name, Version
from sensorium.cli.options import command
from sensorium.cli.session import Session


@command
def new_version(
    session: Session,
    dataset: Name,
    source: Annotated[int, typer.Option("--from", min=0, help="The version to copy; 0 begins an empty one.")] = 0,
    description: Annotated[str, typer.Option(help="What it is for.")] = "",
    uri: Annotated[str, typer.Option(help="Where its files are, if not where the others are.")] = "",
) -> None:
    """Create the next version: empty, or with the files and tags of another.

    [green]sensorium dataset new-version road --from 1[/]
    """
    with session.client() as client:
        made = client.datasets.create_version(dataset, source=source, description=description, uri=uri)
    session.output.show(made, f"created {made.name} with {made.file_count:,} files")


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
    datasets.command("new-version")(new_version)
    datasets.command()(publish)
