"""What the work of a job may be."""

from sensorium.dataset.checks import check_length, check_workspace, invalid
from sensorium.dataset.selecting import filter_of
from sensorium.model.count_check import check_count
from sensorium.model.dataset_export import ExportFormat, ExportWork, ImportExportWork, LogicalTarget, StorageTarget
from sensorium.model.dataset_file import FileSelection
from sensorium.model.dataset_job import ImportWork, IndexWork, JobMode, JobSpec, ReconcileWork, RevertTagsWork, TagWork
from sensorium.model.dataset_names import ConnectionName, VersionName

MOST_PATTERNS = 64
MOST_PATTERN_CHARS = 256
MOST_PREFIX_CHARS = 1024
MOST_IDS = 10_000
# COCO keeps too little of a record to make it again.
READABLE = frozenset(ExportFormat) - {ExportFormat.COCO}


def check_work(spec: JobSpec) -> None:
    """Refuse work that cannot be done.

    Raises:
        InvalidArgument: Names the field at fault.
    """
    match spec.work:
        case ImportWork() as work:
            _check_import(work)
            _check_mode(spec)
        case TagWork(definition, version, selection, connection, model):
            if definition.workspace != spec.version.dataset.workspace:
                raise invalid("job.tag.tag_definition", f"{definition} is not of the dataset's workspace")
            if version < 0:
                raise invalid("job.tag.definition_version", f"{version} is negative")
            check_selection(selection, "job.tag.selection")
            check_workspace(connection, spec.version.dataset.workspace, "job.tag.connection")
            _check_tag_model(connection, model)
        case IndexWork(model, selection, connection, database):
            check_length(model, MOST_PATTERN_CHARS, "job.index.model")
            check_workspace(connection, spec.version.dataset.workspace, "job.index.model_connection")
            check_workspace(database, spec.version.dataset.workspace, "job.index.database_connection")
            check_selection(selection, "job.index.selection")
        case RevertTagsWork(job):
            if job.dataset != spec.version.dataset:
                raise invalid("job.revert_tags.job", f"{job} is not of {spec.version.dataset}")
            _check_mode(spec)
        case ExportWork(target, selection):
            check_selection(selection, "job.export.selection")
            _check_export(target, spec.version)
            _check_mode(spec)
        case ReconcileWork():
            _check_mode(spec)
        case ImportExportWork(source):
            _check_storage(source, spec.version.dataset.workspace, "job.import_export.source")
            if source.format not in READABLE:
                known = ", ".join(sorted(READABLE))
                raise invalid("job.import_export.source.format", f"only {known} can be read again")
            _check_mode(spec)


def _check_tag_model(connection: ConnectionName | None, model: str) -> None:
    check_length(model, MOST_PATTERN_CHARS, "job.tag.model")
    if model and not connection:
        raise invalid("job.tag.model", "without a connection the tag definition says the model")


def _check_export(target: StorageTarget | LogicalTarget, version: VersionName) -> None:
    match target:
        case StorageTarget():
            _check_storage(target, version.dataset.workspace, "job.export.storage")
        case LogicalTarget(dataset):
            if dataset.workspace != version.dataset.workspace:
                raise invalid("job.export.logical.dataset", f"{dataset} is not of the dataset's workspace")
            if dataset == version.dataset:
                raise invalid("job.export.logical.dataset", "a dataset cannot be exported to itself")


def _check_storage(target: StorageTarget, workspace: str, field: str) -> None:
    check_workspace(target.connection, workspace, f"{field}.connection")
    check_length(target.uri, MOST_PREFIX_CHARS, f"{field}.uri")
    if not target.uri.strip("/"):
        raise invalid(f"{field}.uri", "it must be set")
    if ".." in target.uri.split("/"):
        raise invalid(f"{field}.uri", "it leaves the folder of the connection")


def check_selection(selection: FileSelection, field: str) -> None:
    """Refuse a selection that cannot be read. Raises InvalidArgument."""
    if selection.ids:
        check_count(f"{field}.names", len(selection.ids), MOST_IDS)
    filter_of(selection)


def _check_import(work: ImportWork) -> None:
    check_length(work.prefix, MOST_PREFIX_CHARS, "job.import.prefix")
    if ".." in work.prefix.split("/"):
        raise invalid("job.import.prefix", "it leaves the folder of the version")
    for name, patterns in (("include", work.include), ("exclude", work.exclude)):
        if patterns:
            check_count(f"job.import.{name}", len(patterns), MOST_PATTERNS)
        for place, pattern in enumerate(patterns):
            check_length(pattern, MOST_PATTERN_CHARS, f"job.import.{name}[{place}]")


def _check_mode(spec: JobSpec) -> None:
    if spec.mode is not JobMode.FULL:
        raise invalid(
            "job.mode", "only tagging and indexing have an incremental mode: others always do what is needed alone"
        )
