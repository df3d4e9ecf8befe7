"""`sensorium dataset`: make datasets, change them, and look at their files."""

from pathlib import Path
from typing import Annotated

import typer

from sensorium.cli import dataset_files, dataset_jobs, dataset_search, dataset_versions, exports
from sensorium.cli.choices import EditionName
from sensorium.cli.dataset_options import (
    About,
    Filter,
    Name,
    Version,
)
from sensorium.cli.options import command
from sensorium.cli.session import Session

Uri = Annotated[
    str,
    typer.Option(
        help="Where the files are: a folder of the server, file://…, s3://… or oss://….",
        show_default="the connection's",
    ),
]
Storage = Annotated[
    str,
    typer.Option("--connection", help="The storage connection that reads them.", show_default="the server's folders"),
]
Editions = Annotated[
    EditionName,
    typer.Option(
        "--edition",
        help="basic registers where files are, and may become advanced; advanced keeps their metadata and tags, and "
        "finds them; logical has no files of its own, but records of other datasets.",
    ),
]
Logical = Annotated[bool, typer.Option("--logical", help="The same as --edition logical.")]
Force = Annotated[bool, typer.Option("--force", help="Even when it holds files.")]
Fields = Annotated[
    list[str] | None,
    typer.Option(
        "--by",
        help="A field to count by: file_dir, file_type, content_type, tags, algorithm_tags, user_tags or deleted_tags; "
        "may be given again.",
        show_default="file_type and tags",
    ),
]
Added = Annotated[list[str] | None, typer.Option("--add", help="A tag of people to add; may be given again.")]
Removed = Annotated[list[str] | None, typer.Option("--remove", help="A tag of people to remove; may be given again.")]
Hidden = Annotated[list[str] | None, typer.Option("--hide", help="An algorithm's tag to hide; may be given again.")]
Restored = Annotated[list[str] | None, typer.Option("--restore", help="One to show again; may be given again.")]

group = typer.Typer(no_args_is_help=True)
ABOUT = """Make datasets, import, tag and index their files, and look at them.

A dataset is a folder or a bucket whose files are registered with metadata and tags; nothing is copied.

From nothing to a search:

[green]sensorium dataset create road --uri /srv/pictures[/]

[green]sensorium dataset import road[/]

[green]sensorium dataset tag road driving[/]

[green]sensorium dataset index road[/]

[green]sensorium dataset search road "a wet street"[/]
"""


@group.command()
@command
def create(
    session: Session,
    dataset: Name,
    uri: Uri = "",
    connection: Storage = "",
    description: About = "",
    *,
    edition: Editions = EditionName.ADVANCED,
    logical: Logical = False,
) -> None:
    """Create a dataset over the files of a folder or prefix; `dataset import` then registers them.

    [green]sensorium dataset create road --uri /srv/pictures[/]

    [green]sensorium dataset create drives --connection store --uri s3://drives/2026[/]

    [green]sensorium dataset create nights --edition logical[/]
    """
    if logical and edition is EditionName.BASIC:
        raise typer.BadParameter("--logical and --edition basic exclude each other")
    chosen = EditionName.LOGICAL if logical else edition
    if uri and "://" not in uri and not connection:
        uri = str(Path(uri).resolve())
    with session.client() as client:
        made = client.datasets.create(
            dataset, uri=uri, connection=connection, description=description, edition=chosen.value
        )
    session.output.show(made, f"created {made.name}")


@group.command("list")
@command
def list_(session: Session) -> None:
    """List the datasets of the workspace.

    [green]sensorium dataset list[/]
    """
    from sensorium.cli.dataset_tables import datasets_table

    with session.client() as client:
        found = list(client.datasets.list())
    session.output.show_each(found, datasets_table(found) if found else "no datasets")


@group.command()
@command
def change(
    session: Session,
    dataset: Name,
    description: Annotated[str | None, typer.Option(help="What it is for.")] = None,
    display_name: Annotated[str | None, typer.Option(help="What people call it.")] = None,
    edition: Annotated[EditionName | None, typer.Option(help="advanced, of one that is basic.")] = None,
) -> None:
    """Change what describes a dataset, or make a basic one advanced; what is not given stays.

    [green]sensorium dataset change road --description "pictures of the road"[/]
    """
    with session.client() as client:
        changed = client.datasets.change(
            dataset, description=description, display_name=display_name, edition=edition and edition.value
        )
    session.output.show(changed, f"changed {changed.name}")


@group.command()
@command
def delete(session: Session, dataset: Name, *, force: Force = False) -> None:
    """Delete a dataset with its records and vectors; the files in storage stay.

    [green]sensorium dataset delete road --force[/]
    """
    with session.client() as client:
        client.datasets.delete(dataset, force=force)
    session.output.show({"deleted": dataset}, f"deleted {dataset}")


@group.command()
@command
def files(session: Session, dataset: Name, *, filter: Filter = "", version: Version = 0) -> None:
    """List files with their tags, or those that satisfy a filter.

    [green]sensorium dataset files road --filter 'FileType = "image" AND Tags HAS "night"'[/]
    """
    from sensorium.cli.dataset_tables import file_line

    with session.client() as client:
        found = client.datasets.files(dataset, version, filter=filter)
        session.output.show_coming(found, file_line, "no files match" if filter else "no files")


@group.command()
@command
def show(
    session: Session,
    dataset: Name,
    file: Annotated[str, typer.Argument(metavar="FILE", help="Its path below the dataset, or its URI.")],
    *,
    version: Version = 0,
) -> None:
    """Show all that is known of a file: metadata, tags with where they come from, and how they changed.

    [green]sensorium dataset show road night/0001.jpg[/]
    """
    from sensorium.cli.dataset_tables import file_text

    with session.client() as client:
        found = client.datasets.find(dataset, file, version)
        edits = list(client.datasets.history(str(found.name)))
    session.output.show({"file": found, "edits": edits}, file_text(found, edits))


@group.command()
@command
def facets(session: Session, dataset: Name, by: Fields = None, *, filter: Filter = "", version: Version = 0) -> None:
    """Count the files that satisfy a filter by the values of fields.

    [green]sensorium dataset facets road --by tags --by file_dir --filter 'FileType = "image"'[/]
    """
    from sensorium.cli.dataset_tables import statistics_lines
    from sensorium.model.search import FacetRequest

    requests = [FacetRequest(field) for field in by or ["file_type", "tags"]]
    with session.client() as client:
        found = client.datasets.statistics(dataset, version, filter=filter, facets=requests)
    session.output.show(found, statistics_lines(found))


@group.command()
@command
def edit(
    session: Session,
    dataset: Name,
    filter: Annotated[
        str,
        typer.Option(help="The files to change, as in 'FileDir = \"night\"' (docs/filters.md).", show_default=False),
    ],
    *,
    add: Added = None,
    remove: Removed = None,
    hide: Hidden = None,
    restore: Restored = None,
    version: Version = 0,
) -> None:
    """Add and remove tags of people; hide tags of algorithms, or show them again.

    [green]sensorium dataset edit road --filter 'FileDir = "night"' --add dark[/]

    [green]sensorium dataset edit road --filter 'FileName = "0001.jpg"' --hide pedestrian[/]
    """
    from sensorium.model.dataset_file import FileSelection

    with session.client() as client:
        done = client.datasets.edit_tags(
            dataset,
            FileSelection(filter=filter),
            version,
            add=add or (),
            remove=remove or (),
            hide=hide or (),
            restore=restore or (),
        )
    session.output.show(done, f"changed {done.changed_count:,} of {done.matched_count:,} files")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    dataset_jobs.register(group)
    exports.register(group)
    dataset_search.register(group)
    dataset_versions.register(group)
    dataset_files.register(group)
    app.add_typer(group, name="dataset", help=ABOUT)
