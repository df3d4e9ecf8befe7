"""`sensorium dataset add-files`, `change-files`, `delete-files` and `thumbnail`: file records and pictures by calls."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sensorium.cli import lines
from sensorium.cli.dataset_options import Name, Version
from sensorium.cli.options import command
from sensorium.cli.session import Session
from sensorium.errors import SensoriumError

if TYPE_CHECKING:
    from sensorium.model.file_batch import FileOutcome

Records = Annotated[Path, typer.Argument(metavar="FILE", help="JSON Lines; - for stdin.", allow_dash=True)]


@command
def add_files(session: Session, dataset: Name, file: Records = lines.STDIN, *, version: Version = 0) -> None:
    """Add file records from JSON Lines; files that are listed anyway are better imported.

    A line has "uri", "content_type", "fingerprint" and "file_update_time", and may have "size_bytes", "width",
    "height", "duration_ms", "file_create_time", "attributes" and "comment".

    [green]sensorium dataset add-files road records.jsonl[/]
    """
    from sensorium.cli.file_specs import read_spec

    with lines.opened(file) as opened, session.client() as client:
        outcomes = client.datasets.add_files(dataset, [read_spec(each) for each in opened], version)
    _tell(session, "added", outcomes)


@command
def change_files(session: Session, dataset: Name, file: Records = lines.STDIN, *, version: Version = 0) -> None:
    """Change file records from JSON Lines: "id", and what is to change of the other fields.

    [green]echo '{"id": "f…", "comment": "blurred"}' | sensorium dataset change-files road -[/]
    """
    from sensorium.cli.file_specs import read_change

    with lines.opened(file) as opened, session.client() as client:
        outcomes = client.datasets.change_files(dataset, [read_change(each) for each in opened], version)
    _tell(session, "changed", outcomes)


@command
def delete_files(
    session: Session,
    dataset: Name,
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="The files' ids.", show_default=False)],
    *,
    version: Version = 0,
) -> None:
    """Mark file records as deleted; what is in storage stays, and comes back with the next import.

    [green]sensorium dataset delete-files road f0…[/]
    """
    with session.client() as client:
        outcomes = client.datasets.delete_files(dataset, ids, version)
    _tell(session, "deleted", outcomes)


@command
def thumbnail(
    session: Session,
    dataset: Name,
    file: Annotated[str, typer.Argument(metavar="FILE", help="Its path below the dataset, or its URI.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Where the JPEG goes.", show_default=False)],
    *,
    mode: Annotated[
        str,
        typer.Option(
            help="Its size in pixels: h_200, w_128, p_50 (percent), m_pad,w_64,h_64 or m_fill,w_64,h_64.",
            show_default="h_200",
        ),
    ] = "",
    version: Version = 0,
) -> None:
    """Write a small picture of an image.

    [green]sensorium dataset thumbnail road night/0001.jpg small.jpg --mode w_128[/]
    """
    with session.client() as client:
        found = client.datasets.find(dataset, file, version)
        made = client.datasets.thumbnail(dataset, found.name.id, mode, version)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(made.data)
    written = {"file": str(out), "content_type": made.content_type, "width": made.width, "height": made.height}
    session.output.show(written, f"{out}: {made.width} x {made.height}, {len(made.data):,} bytes")


def _tell(session: Session, what: str, outcomes: "Sequence[FileOutcome]") -> None:
    errors = [each for each in outcomes if isinstance(each, SensoriumError)]
    for error in errors:
        session.output.fail(error)
    done = len(outcomes) - len(errors)
    session.output.show({what: done, "failed": len(errors)}, f"{what} {done:,} of {len(outcomes):,} files")
    session.partial(len(errors), len(outcomes), "files")


def register(datasets: typer.Typer) -> None:
    """Add the commands to those of datasets."""
    datasets.command("add-files")(add_files)
    datasets.command("change-files")(change_files)
    datasets.command("delete-files")(delete_files)
    datasets.command()(thumbnail)
