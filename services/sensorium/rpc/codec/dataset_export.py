"""Exports and imports of exports on the wire."""

from sensorium.errors import InvalidArgument
from sensorium.model.dataset_export import (
    ExportFormat,
    ExportMode,
    ExportWork,
    ImportExportWork,
    LogicalTarget,
    StorageTarget,
    TagGroup,
)
from sensorium.model.dataset_names import ConnectionName, DatasetName, VersionName
from sensorium.rpc.codec.dataset_file import selection_from_proto, selection_to_proto
from sensorium.rpc.codec.enums import EnumTable
from sensorium.v1 import dataset_service_pb2 as pb

FORMAT = EnumTable(
    {
        ExportFormat.JSONL: pb.StorageTarget.FORMAT_JSONL,
        ExportFormat.PARQUET: pb.StorageTarget.FORMAT_PARQUET,
        ExportFormat.WEBDATASET: pb.StorageTarget.FORMAT_WEBDATASET,
        ExportFormat.COCO: pb.StorageTarget.FORMAT_COCO,
        ExportFormat.HUGGING_FACE: pb.StorageTarget.FORMAT_HUGGING_FACE,
    }
)
TAG_GROUP = EnumTable(
    {
        TagGroup.ALGORITHM: pb.ExportWork.TAG_GROUP_ALGORITHM,
        TagGroup.USER: pb.ExportWork.TAG_GROUP_USER,
    }
)
EXPORT_MODE = EnumTable(
    {
        ExportMode.MERGE: pb.LogicalTarget.MODE_MERGE,
        ExportMode.OVERWRITE: pb.LogicalTarget.MODE_OVERWRITE,
    },
    unspecified=ExportMode.MERGE,
)


def export_from_proto(work: pb.ExportWork, version: VersionName) -> ExportWork:
    """Return the export of files of `version`. Raises InvalidArgument."""
    selection = selection_from_proto(work.selection, version, "job.export.selection")
    groups = tuple(
        TAG_GROUP.from_proto(each, f"job.export.tag_groups[{place}]") for place, each in enumerate(work.tag_groups)
    )
    match work.WhichOneof("target"):
        case "storage":
            return ExportWork(_storage_from_proto(work.storage, "job.export.storage"), selection, groups)
        case "logical":
            return ExportWork(_logical_from_proto(work.logical), selection, groups)
        case _:
            raise InvalidArgument("job.export.target: where to must be set", field="job.export.target")


def export_to_proto(work: ExportWork, version: VersionName) -> pb.ExportWork:
    """Return the message for `work`."""
    message = pb.ExportWork(
        selection=selection_to_proto(work.selection, version), tag_groups=map(TAG_GROUP.to_proto, work.tag_groups)
    )
    match work.target:
        case StorageTarget():
            message.storage.CopyFrom(_storage_to_proto(work.target))
        case LogicalTarget(dataset, number, mode):
            message.logical.dataset = str(dataset)
            message.logical.base_version = f"v{number}" if number else ""
            message.logical.mode = EXPORT_MODE.to_proto(mode)
    return message


def import_export_from_proto(work: pb.ImportExportWork) -> ImportExportWork:
    """Return the import of an export. Raises InvalidArgument."""
    source = _storage_from_proto(work.source, "job.import_export.source")
    return ImportExportWork(source, EXPORT_MODE.from_proto(work.mode, "job.import_export.mode"))


def import_export_to_proto(work: ImportExportWork) -> pb.ImportExportWork:
    """Return the message for `work`."""
    return pb.ImportExportWork(source=_storage_to_proto(work.source), mode=EXPORT_MODE.to_proto(work.mode))


def _storage_from_proto(target: pb.StorageTarget, field: str) -> StorageTarget:
    connection = ConnectionName.parse(target.connection, f"{field}.connection") if target.connection else None
    return StorageTarget(target.uri, FORMAT.from_proto(target.format, f"{field}.format"), connection, target.with_files)


def _storage_to_proto(target: StorageTarget) -> pb.StorageTarget:
    return pb.StorageTarget(
        connection=str(target.connection or ""),
        uri=target.uri,
        format=FORMAT.to_proto(target.format),
        with_files=target.with_files,
    )


def _logical_from_proto(target: pb.LogicalTarget) -> LogicalTarget:
    dataset = DatasetName.parse(target.dataset, "job.export.logical.dataset")
    number = 0
    if target.base_version:
        name = f"{dataset}/versions/{target.base_version}"
        number = VersionName.parse(name, "job.export.logical.base_version").number
    return LogicalTarget(dataset, number, EXPORT_MODE.from_proto(target.mode, "job.export.logical.mode"))
