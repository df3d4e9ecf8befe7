"""`sensorium dataset export`, `export-to` and `import-export`: records and files in the formats of others, and back."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sensorium.cli.choices import ExportFormatName, TagGroupName
from sensorium.cli.dataset_options import Detach, DryRun, Filter, Name, Version, started
from sensorium.cli.options import command
from sensorium.cli.session import Session

if TYPE_CHECKING:
    from sensorium.model.dataset_export import StorageTarget

Folder = Annotated[
    str, typer.Argument(metavar="FOLDER", help="The folder or prefix: a path, file://…, s3://… or oss://….")
]
Format = Annotated[ExportFormatName, typer.Option("--format", help="How it is written; coco cannot be read again.")]
Storage = Annotated[
    str, typer.Option("--connection", help="The storage connection.", show_default="the server's folders")
]
WithFiles = Annotated[bool, typer.Option("--with-files", help="Take the files themselves along.")]
Groups = Annotated[
    list[TagGroupName] | None,
    typer.Option("--tags", help="Which tags go along; may be given again.", show_default="all"),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is there, instead of joining tags.")]


@command
def export(
    session: Session,
    dataset: Name,
    folder: Folder,
    *,
    format: Format = ExportFormatName.JSONL,
    connection: Storage = "",
    with_files: WithFiles = False,
    filter: Filter = "",
    tags: Groups = None,
    version: Version = 0,
    dry_run: DryRun = False,
    detach: Detach = False,
) -> None:
    """Write records, and files if wanted, to storage; `manifest.json` there holds the checksums.

    [green]sensorium dataset export road /srv/exports/road --format parquet --filter 'Tags HAS "night"'[/]
    """
    from sensorium.model.dataset_export import ExportWork, TagGroup
    from sensorium.model.dataset_file import FileSelection

    target = _storage(session, folder, format, connection, with_files=with_files)
    work = ExportWork(target, FileSelection(filter=filter), tuple(map(TagGroup, tags or ())))
    started(session, dataset, work, version, dry_run=dry_run, detach=detach)


@command
def export_to(
    session: Session,
    dataset: Name,
    logical: Annotated[str, typer.Argument(metavar="LOGICAL", help="The id of a logical dataset.")],
    *,
    into: Annotated[int, typer.Option(min=0, help="The number of its version; 0 means the latest.")] = 0,
    overwrite: Overwrite = False,
    filter: Filter = "",
    tags: Groups = None,
    version: Version = 0,
    dry_run: DryRun = False,
    detach: Detach = False,
) -> None:
    """Bring records to a version of a logical dataset; the files stay where they are.

    [green]sensorium dataset export-to road nights --filter 'Tags HAS "night"'[/]
    """
    from sensorium.model.dataset_export import ExportMode, ExportWork, LogicalTarget, TagGroup
    from sensorium.model.dataset_file import FileSelection
    from sensorium.model.dataset_names import DatasetName

    mode = ExportMode.OVERWRITE if overwrite else ExportMode.MERGE
    target = LogicalTarget(DatasetName(session.connection.workspace, logical), into, mode)
    work = ExportWork(target, FileSelection(filter=filter), tuple(map(TagGroup, tags or ())))
    started(session, dataset, work, version, dry_run=dry_run, detach=detach)


@command
def import_export(
    session: Session,
    dataset: Name,
    folder: Folder,
    *,
    format: Format = ExportFormatName.JSONL,
    connection: Storage = "",
    overwrite: Overwrite = False,
    version: Version = 0,
    dry_run: DryRun = False,
    detach: Detach = False,
) -> None:
    """Read the records that an export wrote; a dry run reads them too, and says which are new or would change.

    [green]sensorium dataset import-export copy /srv/exports/road --format parquet --dry-run[/]
    """
    from sensorium.model.dataset_export import ExportMode, ImportExportWork

    mode = ExportMode.OVERWRITE if overwrite else ExportMode.MERGE
    work = ImportExportWork(_storage(session, folder, format, connection), mode)
    started(session, dataset, work, version, dry_run=dry_run, detach=detach)


def register(group: typer.Typer) -> None:
    """Add the commands to those of datasets."""
    group.command()(export)
    group.command("export-to")(export_to)
    group.command("import-export")(import_export)


def _storage(
    session: Session, folder: str, format: ExportFormatName, connection: str, *, with_files: bool = False
) -> "StorageTarget":
    from sensorium.model.dataset_export import ExportFormat, StorageTarget
    from sensorium.model.dataset_names import ConnectionName

    if "://" not in folder and not connection:
        folder = str(Path(folder).resolve())
    name = ConnectionName(session.connection.workspace, connection) if connection else None
    return StorageTarget(folder, ExportFormat(format), name, with_files)
