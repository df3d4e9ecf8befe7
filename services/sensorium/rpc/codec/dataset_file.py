"""File records, their tags, and which files are meant, on the wire."""

from collections.abc import Mapping

from sensorium.model.dataset_file import (
    AlgorithmTag,
    FileOrder,
    FileRecord,
    FileSelection,
    FileStatus,
    FileTags,
    SortBy,
    StatusFilter,
    TagChange,
    TagEdit,
    TagKind,
)
from sensorium.model.dataset_names import FileName, VersionName
from sensorium.model.names import TagDefinitionName
from sensorium.model.search import TagFilter
from sensorium.rpc.codec.attribute import attribute_from_proto, attribute_to_proto
from sensorium.rpc.codec.collection import moment_from_proto, moment_to_proto
from sensorium.rpc.codec.dataset import holdable
from sensorium.rpc.codec.enums import EnumTable
from sensorium.rpc.codec.tag import assigned_from_proto, assigned_to_proto
from sensorium.v1 import dataset_service_pb2 as pb
from sensorium.v1 import search_service_pb2

STATUS = EnumTable({FileStatus.ACTIVE: pb.FileRecord.STATUS_ACTIVE, FileStatus.DELETED: pb.FileRecord.STATUS_DELETED})
STATUS_FILTER = EnumTable(
    {
        StatusFilter.ACTIVE: pb.FileSelection.STATUS_FILTER_ACTIVE,
        StatusFilter.DELETED: pb.FileSelection.STATUS_FILTER_DELETED,
        StatusFilter.ALL: pb.FileSelection.STATUS_FILTER_ALL,
    },
    unspecified=StatusFilter.ACTIVE,
)
SORT_BY = EnumTable(
    {
        SortBy.URI: pb.ListFilesRequest.SORT_BY_URI,
        SortBy.FILE_CREATE_TIME: pb.ListFilesRequest.SORT_BY_FILE_CREATE_TIME,
        SortBy.FILE_UPDATE_TIME: pb.ListFilesRequest.SORT_BY_FILE_UPDATE_TIME,
        SortBy.SIZE: pb.ListFilesRequest.SORT_BY_SIZE,
    },
    unspecified=SortBy.URI,
)
TAG_KIND = EnumTable(
    {
        TagKind.ALGORITHM: pb.TagEdit.KIND_ALGORITHM,
        TagKind.USER: pb.TagEdit.KIND_USER,
        TagKind.USER_DELETED: pb.TagEdit.KIND_USER_DELETED,
    }
)
_TIMES = ("file_create_time", "tag_update_time", "index_time")


def selection_from_proto(selection: pb.FileSelection, version: VersionName, field: str) -> FileSelection:
    """Return which files of `version` are meant. Raises InvalidArgument for a name of another version."""
    return FileSelection(
        tuple(version.file_id(name, f"{field}.names[{place}]") for place, name in enumerate(selection.names)),
        selection.filter,
        TagFilter(tuple(selection.tags.any), tuple(selection.tags.all), tuple(selection.tags.none)),
        STATUS_FILTER.from_proto(selection.status, f"{field}.status"),
    )


def selection_to_proto(selection: FileSelection, version: VersionName) -> pb.FileSelection:
    """Return the message for `selection`."""
    with holdable("selection"):
        return pb.FileSelection(
            names=[str(FileName(version, identifier)) for identifier in selection.ids],
            filter=selection.filter,
            tags=search_service_pb2.TagFilter(any=selection.tags.any, all=selection.tags.all, none=selection.tags.none),
            status=STATUS_FILTER.to_proto(selection.status),
        )


def order_from_proto(request: pb.ListFilesRequest) -> FileOrder:
    """Return the order that a request asks for."""
    return FileOrder(SORT_BY.from_proto(request.sort_by, "sort_by"), request.descending)


def file_from_proto(file: pb.FileRecord) -> FileRecord:
    """Return the record that the message holds."""
    times: Mapping[str, object] = {
        name: moment_from_proto(getattr(file, name))
        for name in _TIMES
        if file.HasField(name)  # type: ignore[arg-type]
    }
    return FileRecord(
        name=FileName.parse(file.name),
        uri=file.uri,
        file_name=file.file_name,
        file_dir=file.file_dir,
        file_type=file.file_type,
        content_type=file.content_type,
        size_bytes=file.size_bytes,
        fingerprint=file.fingerprint,
        file_update_time=moment_from_proto(file.file_update_time),
        create_time=moment_from_proto(file.create_time),
        update_time=moment_from_proto(file.update_time),
        width=file.width,
        height=file.height,
        duration_ms=file.duration_ms,
        attributes={
            name: attribute_from_proto(value, f"attributes[{name!r}]") for name, value in file.attributes.items()
        },
        comment=file.comment,
        status=STATUS.from_proto(file.status, "status"),
        tags=_tags_from_proto(file.tags),
        index_job=file.index_job,
        **times,  # type: ignore[arg-type]
    )


def file_to_proto(file: FileRecord) -> pb.FileRecord:
    """Return the message for `file`."""
    message = pb.FileRecord(
        name=str(file.name),
        uri=file.uri,
        file_name=file.file_name,
        file_dir=file.file_dir,
        file_type=file.file_type,
        content_type=file.content_type,
        size_bytes=file.size_bytes,
        fingerprint=file.fingerprint,
        file_update_time=moment_to_proto(file.file_update_time),
        create_time=moment_to_proto(file.create_time),
        update_time=moment_to_proto(file.update_time),
        width=file.width,
        height=file.height,
        duration_ms=file.duration_ms,
        attributes={
            name: attribute_to_proto(value, f"attributes[{name!r}]") for name, value in file.attributes.items()
        },
        comment=file.comment,
        status=STATUS.to_proto(file.status),
        tags=_tags_to_proto(file.tags),
        index_job=file.index_job,
    )
    for name in _TIMES:
        if moment := getattr(file, name):
            getattr(message, name).CopyFrom(moment_to_proto(moment))
    return message


def edit_from_proto(request: pb.EditTagsRequest) -> TagEdit:
    """Return the edit that a request asks for. Raises InvalidArgument."""
    version = VersionName.parse(request.parent, "parent")
    return TagEdit(
        version,
        selection_from_proto(request.selection, version, "selection"),
        tuple(request.add),
        tuple(request.remove),
        tuple(request.delete_algorithm),
        tuple(request.restore_algorithm),
        request.request_id,
    )


def edit_to_proto(edit: TagEdit) -> pb.EditTagsRequest:
    """Return the message for `edit`. Raises InvalidArgument for what a message cannot hold."""
    with holdable("edit"):
        return pb.EditTagsRequest(
            parent=str(edit.version),
            selection=selection_to_proto(edit.selection, edit.version),
            add=edit.add,
            remove=edit.remove,
            delete_algorithm=edit.hide,
            restore_algorithm=edit.restore,
            request_id=edit.request_id,
        )


def change_from_proto(change: pb.TagEdit) -> TagChange:
    """Return the change of tags that the message holds."""
    return TagChange(
        moment_from_proto(change.create_time),
        TAG_KIND.from_proto(change.kind, "kind"),
        tuple(change.added),
        tuple(change.removed),
        change.job,
        change.request_id,
    )


def change_to_proto(change: TagChange) -> pb.TagEdit:
    """Return the message for a change of tags."""
    return pb.TagEdit(
        create_time=moment_to_proto(change.create_time),
        kind=TAG_KIND.to_proto(change.kind),
        added=change.added,
        removed=change.removed,
        job=change.job,
        request_id=change.request_id,
    )


def _tags_from_proto(tags: pb.FileTags) -> FileTags:
    algorithm = tuple(
        AlgorithmTag(
            assigned_from_proto([each.tag])[0],
            TagDefinitionName.parse(each.tag_definition),
            each.definition_version,
            each.model,
            each.model_revision,
            each.job,
            moment_from_proto(each.create_time),
        )
        for each in tags.algorithm
    )
    return FileTags(algorithm, tuple(tags.user), tuple(tags.user_deleted))


def _tags_to_proto(tags: FileTags) -> pb.FileTags:
    algorithm = [
        pb.AlgorithmTag(
            tag=assigned_to_proto(each.tag),
            tag_definition=str(each.definition),
            definition_version=each.definition_version,
            model=each.model,
            model_revision=each.model_revision,
            job=each.job,
            create_time=moment_to_proto(each.create_time),
        )
        for each in tags.algorithm
    ]
    return pb.FileTags(algorithm=algorithm, user=tags.user, user_deleted=tags.user_deleted, effective=tags.effective)
