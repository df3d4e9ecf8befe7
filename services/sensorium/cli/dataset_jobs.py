"""`sensorium dataset import`, `tag`, `index`, `revert` and `reconcile`: jobs that work on the files of a version."""

from typing import TYPE_CHECKING, Annotated

import typer

from sensorium.cli.dataset_options import Concurrency, Detach, DryRun, Filter, Incremental, Name, Version, started
from sensorium.cli.options import command
from sensorium.cli.session import Session

if TYPE_CHECKING:
    from sensorium.model.dataset_names import ConnectionName

Models = Annotated[
    str, typer.Option("--connection", help="The model connection to embed with.", show_default="this mesh")
]
Include = Annotated[
    list[str] | None,
    typer.Option(
        help="A shell pattern of paths to take, as '*.jpg'; may be given again.",
        show_default="the formats that are known",
    ),
]
Exclude = Annotated[
    list[str] | None, typer.Option(help="A shell pattern of paths to leave out, as 'old/*'; may be given again.")
]


@command
def import_(
    session: Session,
    dataset: Name,
    *,
    prefix: Annotated[
        str, typer.Option(help="Only this folder below the dataset's, as night/rain.", show_default="all of it")
    ] = "",
    include: Include = None,
    exclude: Exclude = None,
    version: Version = 0,
    dry_run: DryRun = False,
    detach: Detach = False,
) -> None:
    """Register new and changed files, and mark vanished ones as deleted.

    [green]sensorium dataset import road --dry-run[/]

    [green]sensorium dataset import road --prefix night --include '*.jpg' --exclude '*-draft*'[/]
    """
    from sensorium.model.dataset_job import ImportWork

    work = ImportWork(prefix, tuple(include or ()), tuple(exclude or ()))
    started(session, dataset, work, version, dry_run=dry_run, detach=detach)


@command
def tag(
    session: Session,
    dataset: Name,
    definition: Annotated[str, typer.Argument(metavar="DEFINITION", help="The tag definition's id.")],
    *,
    connection: Models = "",
    model: Annotated[str, typer.Option(help="The model of the connection.", show_default="its first")] = "",
    filter: Filter = "",
    version: Version = 0,
    incremental: Incremental = False,
    concurrency: Concurrency = 0,
    dry_run: DryRun = False,
    detach: Detach = False,
) -> None:
    """Tag files by a tag definition, which `sensorium tag definition create` makes.

    [green]sensorium dataset tag road driving --incremental[/]

    [green]sensorium dataset tag road driving --filter 'FileDir = "night"' --dry-run[/]
    """
    from sensorium.client.tagging import definition_name
    from sensorium.model.dataset_file import FileSelection
    from sensorium.model.dataset_job import TagWork

    name = definition_name(definition, session.connection.workspace)
    by = _by(session, connection)
    work = TagWork(name, selection=FileSelection(filter=filter), connection=by, model=model)
    options = {"incremental": incremental, "dry_run": dry_run, "detach": detach}
    started(session, dataset, work, version, concurrency, **options)


@command
def index(
    session: Session,
    dataset: Name,
    *,
    connection: Models = "",
    model: Annotated[
        str,
        typer.Option(
            help="The embedding model (`sensorium model list`).", show_default="the mesh's or the connection's"
        ),
    ] = "",
    filter: Filter = "",
    version: Version = 0,
    incremental: Incremental = False,
    concurrency: Concurrency = 0,
    dry_run: DryRun = False,
    detach: Detach = False,
) -> None:
    """Embed files, so that `dataset search` finds them; a version is indexed with one model.

    [green]sensorium dataset index road --model starter-trimodal-v1[/]

    [green]sensorium dataset index road --incremental --concurrency 4[/]
    """
    from sensorium.model.dataset_file import FileSelection
    from sensorium.model.dataset_job import IndexWork

    work = IndexWork(model, FileSelection(filter=filter), _by(session, connection))
    options = {"incremental": incremental, "dry_run": dry_run, "detach": detach}
    started(session, dataset, work, version, concurrency, **options)


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


@command
def reconcile(
    session: Session, dataset: Name, *, version: Version = 0, dry_run: DryRun = False, detach: Detach = False
) -> None:
    """Make the search collection of a version agree with its records: after a restore, or when in doubt.

    [green]sensorium dataset reconcile road --dry-run[/]
    """
    from sensorium.model.dataset_job import ReconcileWork

    started(session, dataset, ReconcileWork(), version, dry_run=dry_run, detach=detach)


def register(datasets: typer.Typer) -> None:
    """Add the commands to those of datasets."""
    datasets.command("import")(import_)
    datasets.command()(tag)
    datasets.command()(index)
    datasets.command()(revert)
    datasets.command()(reconcile)


def _by(session: Session, connection: str) -> "ConnectionName | None":
    """Return the name of a connection that was given by its id or its name."""
    from sensorium.model.dataset_names import ConnectionName
    from sensorium.model.names import check_id

    if not connection:
        return None
    if "/" in connection:
        return ConnectionName.parse(connection, "connection")
    return ConnectionName(session.connection.workspace, check_id(connection, "connection"))
