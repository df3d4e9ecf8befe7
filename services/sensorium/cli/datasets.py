"""`sensorium dataset`: make datasets, fill, tag and index them by jobs, and look at their files."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sensorium.cli import dataset_files, dataset_search, dataset_versions, exports
from sensorium.cli.dataset_options import (
    About,
    Concurrency,
    Detach,
    DryRun,
    Filter,
    Incremental,
    Name,
    Version,
    started,
)
from sensorium.cli.options import command
from sensorium.cli.session import Session

if TYPE_CHECKING:
    from sensorium.model.dataset_names import ConnectionName

Uri = Annotated[str, typer.Option(help="Where the files are: a folder, file://…, s3://… or oss://….")]
Storage = Annotated[str, typer.Option("--connection", help="The storage connection; else the server's own folders.")]
Models = Annotated[str, typer.Option("--connection", help="The model connection to embed with; else this mesh.")]
Force = Annotated[bool, typer.Option("--force", help="Even when it holds files.")]
Fields = Annotated[list[str] | None, typer.Option("--by", help="A field to count by; may be given again.")]
Tags = Annotated[list[str] | None, typer.Option(help="May be given again.")]

group = typer.Typer(no_args_is_help=True)


@group.command()
@command
def create(
    session: Session,
    dataset: Name,
    uri: Uri = "",
    connection: Storage = "",
    description: About = "",
    *,
    logical: Annotated[bool, typer.Option("--logical", help="It gets its files by exports of others.")] = False,
) -> None:
    """Create a dataset over the files of a folder or prefix.

    [green]sensorium dataset create road --uri /srv/pictures[/]
    """
    if uri and "://" not in uri and not connection:
        uri = str(Path(uri).resolve())
    with session.client() as client:
        made = client.datasets.create(dataset, uri=uri, connection=connection, description=description, logical=logical)
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
) -> None:
    """Change what describes a dataset.

    [green]sensorium dataset change road --description "pictures of the road"[/]
    """
    with session.client() as client:
        changed = client.datasets.change(dataset, description=description, display_name=display_name)
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


@group.command("import")
@command
def import_(
    session: Session,
    dataset: Name,
    *,
    prefix: Annotated[str, typer.Option(help="Only this folder.")] = "",
    include: Annotated[list[str] | None, typer.Option(help="A pattern of paths to take; may be given again.")] = None,
    exclude: Annotated[list[str] | None, typer.Option(help="A pattern of paths to leave out; again too.")] = None,
    version: Version = 0,
    dry_run: DryRun = False,
    detach: Detach = False,
) -> None:
    """Register new and changed files, and mark vanished ones as deleted.

    [green]sensorium dataset import road[/]
    """
    from sensorium.model.dataset_job import ImportWork

    work = ImportWork(prefix, tuple(include or ()), tuple(exclude or ()))
    started(session, dataset, work, version, dry_run=dry_run, detach=detach)


@group.command()
@command
def tag(
    session: Session,
    dataset: Name,
    definition: Annotated[str, typer.Argument(metavar="DEFINITION", help="The tag definition's id.")],
    *,
    connection: Models = "",
    model: Annotated[str, typer.Option(help="The model of the connection; empty means its first.")] = "",
    filter: Filter = "",
    version: Version = 0,
    incremental: Incremental = False,
    concurrency: Concurrency = 0,
    dry_run: DryRun = False,
    detach: Detach = False,
) -> None:
    """Tag files by a tag definition.

    [green]sensorium dataset tag road driving --incremental[/]
    """
    from sensorium.client.tagging import definition_name
    from sensorium.model.dataset_file import FileSelection
    from sensorium.model.dataset_job import TagWork

    name = definition_name(definition, session.connection.workspace)
    by = _by(session, connection)
    work = TagWork(name, selection=FileSelection(filter=filter), connection=by, model=model)
    options = {"incremental": incremental, "dry_run": dry_run, "detach": detach}
    started(session, dataset, work, version, concurrency, **options)


@group.command()
@command
def index(
    session: Session,
    dataset: Name,
    *,
    connection: Models = "",
    model: Annotated[str, typer.Option(help="The embedding model; empty means the default.")] = "",
    filter: Filter = "",
    version: Version = 0,
    incremental: Incremental = False,
    concurrency: Concurrency = 0,
    dry_run: DryRun = False,
    detach: Detach = False,
) -> None:
    """Embed files, so that they are found in the search collection of the version.

    [green]sensorium dataset index road[/]
    """
    from sensorium.model.dataset_file import FileSelection
    from sensorium.model.dataset_job import IndexWork

    work = IndexWork(model, FileSelection(filter=filter), _by(session, connection))
    options = {"incremental": incremental, "dry_run": dry_run, "detach": detach}
    started(session, dataset, work, version, concurrency, **options)


@group.command()
@command
def revert(
    session: Session,
    dataset: Name,
    job: Annotated[str, typer.Argument(metavar="JOB", help="The id of the tagging job.", show_default=False)],
    *,
    version: Version = 0,
    dry_run: DryRun = False,
    detach: Detach = False,
) -> None:
    """Take back what a tagging job gave; the tags that the job before it gave count again.

    [green]sensorium dataset revert road job-1a2b --dry-run[/]
    """
    from sensorium.model.dataset_job import RevertTagsWork
    from sensorium.model.dataset_names import DatasetName, JobName

    identifier = job.rpartition("/")[2]  # `job list` shows it behind its dataset.
    name = JobName(DatasetName(session.connection.workspace, dataset), identifier)
    started(session, dataset, RevertTagsWork(name), version, dry_run=dry_run, detach=detach)


@group.command()
@command
def reconcile(
    session: Session, dataset: Name, *, version: Version = 0, dry_run: DryRun = False, detach: Detach = False
) -> None:
    """Make the search collection of a version agree with its records: after a restore, or when in doubt.

    [green]sensorium dataset reconcile road --dry-run[/]
    """
    from sensorium.model.dataset_job import ReconcileWork

    started(session, dataset, ReconcileWork(), version, dry_run=dry_run, detach=detach)


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

    [green]sensorium dataset facets road --by tags --by file_dir[/]
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
    filter: Annotated[str, typer.Option(help="The files to change (docs/datasets.md).", show_default=False)],
    *,
    add: Tags = None,
    remove: Tags = None,
    hide: Tags = None,
    restore: Tags = None,
    version: Version = 0,
) -> None:
    """Add and remove tags of people; hide tags of algorithms, or show them again.

    [green]sensorium dataset edit road --filter 'FileDir = "night"' --add dark[/]
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


def _by(session: Session, connection: str) -> "ConnectionName | None":
    """Return the name of a connection that was given by its id or its name."""
    from sensorium.model.dataset_names import ConnectionName
    from sensorium.model.names import check_id

    if not connection:
        return None
    if "/" in connection:
        return ConnectionName.parse(connection, "connection")
    return ConnectionName(session.connection.workspace, check_id(connection, "connection"))


def register(app: typer.Typer) -> None:
    """Add the commands."""
    exports.register(group)
    dataset_search.register(group)
    dataset_versions.register(group)
    dataset_files.register(group)
    app.add_typer(group, name="dataset", help="Make datasets, import, tag and index their files, and look at them.")
