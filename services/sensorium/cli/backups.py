"""`sensorium backup`: copy a data directory while it is in use, and bring a copy back."""

from pathlib import Path
from typing import Annotated

import typer

from sensorium.cli.options import command
from sensorium.cli.session import Session

Target = Annotated[Path, typer.Argument(metavar="DIRECTORY", help="Where the copy goes; made.", show_default=False)]
Source = Annotated[Path, typer.Argument(metavar="DIRECTORY", help="The copy.", show_default=False)]
DataDir = Annotated[Path | None, typer.Option(help="The data directory.", show_default=".data")]

group = typer.Typer(no_args_is_help=True)


@group.command()
@command
def create(session: Session, directory: Target, data_dir: DataDir = None) -> None:
    """Copy the data directory, while the mesh serves and writes; on the machine where it lies.

    Documents, snapshots, keys and tag definitions are copied, each database as it is at one moment. Indexes are not:
    they are made again.

    [green]sensorium backup create /backups/monday[/]
    """
    from sensorium.cli.configuration import settings
    from sensorium.storage.backup import back_up

    source = settings(data_dir=data_dir).data_dir
    size = back_up(source, directory, lambda name, size: session.output.say(f"{name}  {size:,} bytes"))
    session.output.show({"directory": str(directory), "bytes": size}, f"{size:,} bytes are in {directory}")


@group.command()
@command
def restore(session: Session, directory: Source, data_dir: DataDir = None) -> None:
    """Bring a copy back into a data directory that is new or empty; start the mesh on it afterwards.

    Every file is compared with its checksum first. The first start makes the indexes again.

    [green]sensorium backup restore /backups/monday --data-dir /var/lib/sensorium[/]
    """
    from sensorium.cli.configuration import settings
    from sensorium.storage.backup import bring_back

    target = settings(data_dir=data_dir).data_dir
    size = bring_back(directory, target, lambda name, size: session.output.say(f"{name}  {size:,} bytes"))
    session.output.show({"directory": str(target), "bytes": size}, f"{size:,} bytes are in {target}")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="backup", help="Copy a data directory while it is in use, and bring a copy back.")
