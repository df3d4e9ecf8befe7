"""Batches of file records on the wire."""

from collections.abc import Sequence

from sensorium.errors import InvalidArgument, SensoriumError
from sensorium.model.dataset_names import FileName, VersionName
from sensorium.model.file_batch import FileChange, FileField, FileOutcome, FileSpec
from sensorium.rpc.codec.attribute import attribute_from_proto, attribute_to_proto
from sensorium.rpc.codec.change import Faults
from sensorium.rpc.codec.collection import moment_from_proto, moment_to_proto
from sensorium.rpc.codec.dataset import holdable
from sensorium.rpc.codec.dataset_file import file_from_proto, file_to_proto
from sensorium.rpc.codec.mask import fields_from_mask
from sensorium.rpc.status import from_status, to_status
from sensorium.v1 import dataset_service_pb2 as pb

_PLAIN = ("uri", "content_type", "fingerprint", "size_bytes", "width", "height", "duration_ms", "comment")


def specs_from_proto(request: pb.BatchCreateFilesRequest) -> tuple[list[FileSpec], Faults]:
    """Return what the records say, and by place what is wrong with those that cannot be read (empty ones there)."""
    specs: list[FileSpec] = []
    faults: Faults = {}
    for place, file in enumerate(request.files):
        try:
            if file.HasField("tags"):
                field = f"files[{place}].tags"
                raise InvalidArgument(f"{field}: tags come by edits and by jobs", field=field)
            specs.append(_spec_from_proto(file, f"files[{place}]"))
        except InvalidArgument as error:
            faults[place] = error
            specs.append(FileSpec())
    return specs, faults


def changes_from_proto(request: pb.BatchUpdateFilesRequest) -> tuple[list[FileChange], Faults]:
    """Return the changes, and by place what is wrong with those that cannot be read (changes of no file there).

    Raises:
        InvalidArgument: The parent is wrong.
    """
    version = VersionName.parse(request.parent, "parent")
    changes: list[FileChange] = []
    faults: Faults = {}
    for place, file in enumerate(request.files):
        try:
            identifier = version.file_id(file.name, f"files[{place}].name")
            changes.append(FileChange(identifier, _spec_from_proto(file, f"files[{place}]")))
        except InvalidArgument as error:
            faults[place] = error
            changes.append(FileChange(f"\0{place}", FileSpec()))
    return changes, faults


def fields_of(request: pb.BatchUpdateFilesRequest) -> tuple[FileField, ...]:
    """Return the fields that the mask names; none for an empty one. Raises InvalidArgument."""
    return fields_from_mask(request.update_mask, pb.FileRecord(), FileField)


def ids_from_proto(request: pb.BatchDeleteFilesRequest) -> tuple[list[str], Faults]:
    """Return the ids of files, and by place what is wrong with names that are none. Raises InvalidArgument."""
    version = VersionName.parse(request.parent, "parent")
    ids: list[str] = []
    faults: Faults = {}
    for place, name in enumerate(request.names):
        try:
            ids.append(version.file_id(name, f"names[{place}]"))
        except InvalidArgument as error:
            faults[place] = error
            ids.append("")
    return ids, faults


def spec_to_proto(spec: FileSpec, name: str = "") -> pb.FileRecord:
    """Return the message for `spec`. Raises InvalidArgument for what a message cannot hold."""
    with holdable("files"):
        file = pb.FileRecord(name=name, **{each: getattr(spec, each) for each in _PLAIN})
        for key, value in spec.attributes.items():
            file.attributes[key].CopyFrom(attribute_to_proto(value, f"attributes[{key!r}]"))
    for field in ("file_update_time", "file_create_time"):
        if moment := getattr(spec, field):
            getattr(file, field).CopyFrom(moment_to_proto(moment))
    return file


def change_to_proto(change: FileChange, version: VersionName) -> pb.FileRecord:
    """Return the message for `change`."""
    return spec_to_proto(change.spec, str(FileName(version, change.id)))


def results_to_proto(outcomes: Sequence[FileOutcome], faults: Faults) -> list[pb.FileResult]:
    """Return a result for each file; `faults` say which could not be read."""
    return [_result(faults.get(place, outcome)) for place, outcome in enumerate(outcomes)]


def results_from_proto(results: Sequence[pb.FileResult]) -> list[FileOutcome]:
    """Return a record or an error for each file."""
    return [
        file_from_proto(each.file) if each.WhichOneof("outcome") == "file" else from_status(each.error)
        for each in results
    ]


def _result(outcome: FileOutcome) -> pb.FileResult:
    if isinstance(outcome, SensoriumError):
        return pb.FileResult(error=to_status(outcome))
    return pb.FileResult(file=file_to_proto(outcome))


def _spec_from_proto(file: pb.FileRecord, field: str) -> FileSpec:
    return FileSpec(
        **{each: getattr(file, each) for each in _PLAIN},
        file_update_time=moment_from_proto(file.file_update_time) if file.HasField("file_update_time") else None,
        file_create_time=moment_from_proto(file.file_create_time) if file.HasField("file_create_time") else None,
        attributes={
            name: attribute_from_proto(value, f"{field}.attributes[{name!r}]")
            for name, value in file.attributes.items()
        },
    )
