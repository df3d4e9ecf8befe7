"""`sensorium dataset version`: make and list the versions of a dataset."""

from pathlib import Path
from typing import Annotated

import typer

from sensorium.cli.dataset_options import Name
from sensorium.cli.options import command
from sensorium.cli.session import Session

About = Annotated[str, typer.Option("--description", help="What it is for.")]
Uri = Annotated[str, typer.Option(help="Where its files are; else where those of the dataset are.")]
Storage = Annotated[str, typer.Option("--connection", help="The storage connection; else the dataset's.")]

group = typer.Typer(no_args_is_help=True)


@group.command()
@command
def create(session: Session, dataset: Name, uri: Uri = "", connection: Storage = "", description: About = "") -> None:
    """Create the next version of a dataset, without files: import them, or export others to it.

    [green]sensorium dataset version create road[/]
    """
    if uri and "://" not in uri and not connection:
        uri = str(Path(uri).resolve())
    with session.client() as client:
        made = client.datasets.create_version(dataset, description=description, uri=uri, connection=connection)
    session.output.show(made, f"created {made.name}")


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


def register(datasets: typer.Typer) -> None:
    """Add the commands to those of datasets."""
    datasets.add_typer(group, name="version", help="Make and list versions.")
