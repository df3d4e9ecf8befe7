"""Datasets and versions on the wire."""

from collections.abc import Iterator
from contextlib import contextmanager

from sensorium.errors import InvalidArgument
from sensorium.model.dataset import (
    Accessibility,
    Dataset,
    DatasetField,
    DatasetSpec,
    DatasetUpdate,
    DatasetVersion,
    DataType,
    Edition,
    Property,
    VersionCopy,
    VersionField,
    VersionSpec,
    VersionState,
    VersionUpdate,
)
from sensorium.model.dataset_names import ConnectionName, DatasetName, VersionName
from sensorium.model.names import CollectionName
from sensorium.rpc.codec.collection import moment_from_proto, moment_to_proto
from sensorium.rpc.codec.enums import EnumTable
from sensorium.rpc.codec.mask import fields_from_mask, mask_of
from sensorium.rpc.status import from_status, to_status
from sensorium.v1 import dataset_service_pb2 as pb

EDITION = EnumTable(
    {
        Edition.BASIC: pb.Dataset.EDITION_BASIC,
        Edition.ADVANCED: pb.Dataset.EDITION_ADVANCED,
        Edition.LOGICAL: pb.Dataset.EDITION_LOGICAL,
    },
    unspecified=Edition.ADVANCED,
)
DATA_TYPE = EnumTable(
    {
        DataType.COMMON: pb.Dataset.DATA_TYPE_COMMON,
        DataType.PIC: pb.Dataset.DATA_TYPE_PIC,
        DataType.TEXT: pb.Dataset.DATA_TYPE_TEXT,
        DataType.VIDEO: pb.Dataset.DATA_TYPE_VIDEO,
        DataType.AUDIO: pb.Dataset.DATA_TYPE_AUDIO,
    },
    unspecified=DataType.COMMON,
)
PROPERTY = EnumTable(
    {Property.FILE: pb.Dataset.PROPERTY_FILE, Property.DIRECTORY: pb.Dataset.PROPERTY_DIRECTORY},
    unspecified=Property.DIRECTORY,
)
ACCESSIBILITY = EnumTable(
    {
        Accessibility.PRIVATE: pb.Dataset.ACCESSIBILITY_PRIVATE,
        Accessibility.PUBLIC: pb.Dataset.ACCESSIBILITY_PUBLIC,
        Accessibility.ROLE_PUBLIC: pb.Dataset.ACCESSIBILITY_ROLE_PUBLIC,
    },
    unspecified=Accessibility.PRIVATE,
)
VERSION_STATE = EnumTable(
    {
        VersionState.DRAFT: pb.DatasetVersion.STATE_DRAFT,
        VersionState.PUBLISHED: pb.DatasetVersion.STATE_PUBLISHED,
        VersionState.COPYING: pb.DatasetVersion.STATE_COPYING,
        VersionState.FAILED: pb.DatasetVersion.STATE_FAILED,
    }
)


def dataset_spec_from_proto(dataset: pb.Dataset) -> DatasetSpec:
    """Return what a caller asks a dataset to be. Raises InvalidArgument for an enum or a name without meaning."""
    return DatasetSpec(
        display_name=dataset.display_name,
        description=dataset.description,
        edition=EDITION.from_proto(dataset.edition, "dataset.edition"),
        data_type=DATA_TYPE.from_proto(dataset.data_type, "dataset.data_type"),
        property=PROPERTY.from_proto(dataset.property, "dataset.property"),
        accessibility=ACCESSIBILITY.from_proto(dataset.accessibility, "dataset.accessibility"),
        uri=dataset.uri,
        connection=_connection(dataset.connection, "dataset.connection"),
        labels=dict(dataset.labels),
        annotations=dict(dataset.annotations),
    )


def dataset_spec_to_proto(spec: DatasetSpec) -> pb.Dataset:
    """Return the message for `spec`. Raises InvalidArgument for what a message cannot hold."""
    with holdable("dataset"):
        return pb.Dataset(
            display_name=spec.display_name,
            description=spec.description,
            edition=EDITION.to_proto(spec.edition),
            data_type=DATA_TYPE.to_proto(spec.data_type),
            property=PROPERTY.to_proto(spec.property),
            accessibility=ACCESSIBILITY.to_proto(spec.accessibility),
            uri=spec.uri,
            connection=str(spec.connection or ""),
            labels=spec.labels,
            annotations=spec.annotations,
        )


def dataset_from_proto(dataset: pb.Dataset) -> Dataset:
    """Return the dataset that the message holds."""
    return Dataset(
        DatasetName.parse(dataset.name),
        dataset_spec_from_proto(dataset),
        version_from_proto(dataset.latest_version),
        moment_from_proto(dataset.create_time),
        moment_from_proto(dataset.update_time),
        dataset.etag,
    )


def dataset_to_proto(dataset: Dataset) -> pb.Dataset:
    """Return the message for `dataset`."""
    message = dataset_spec_to_proto(dataset.spec)
    message.name, message.etag = str(dataset.name), dataset.etag
    message.latest_version.CopyFrom(version_to_proto(dataset.latest))
    message.create_time.CopyFrom(moment_to_proto(dataset.create_time))
    message.update_time.CopyFrom(moment_to_proto(dataset.update_time))
    return message


def dataset_update_from_proto(request: pb.UpdateDatasetRequest) -> DatasetUpdate:
    """Return the update that a request asks for. Raises InvalidArgument."""
    return DatasetUpdate(
        DatasetName.parse(request.dataset.name, "dataset.name"),
        dataset_spec_from_proto(request.dataset),
        fields_from_mask(request.update_mask, request.dataset, DatasetField),
        request.dataset.etag,
        request.request_id,
    )


def dataset_update_to_proto(update: DatasetUpdate) -> pb.UpdateDatasetRequest:
    """Return the message for `update`."""
    message = dataset_spec_to_proto(update.spec)
    message.name, message.etag = str(update.name), update.etag
    return pb.UpdateDatasetRequest(dataset=message, update_mask=mask_of(update.fields), request_id=update.request_id)


def version_spec_from_proto(version: pb.DatasetVersion) -> VersionSpec:
    """Return what a caller asks a version to be. Raises InvalidArgument for a name without meaning."""
    return VersionSpec(
        version.description,
        version.uri,
        _connection(version.connection, "dataset_version.connection"),
        dict(version.labels),
        dict(version.annotations),
    )


def version_spec_to_proto(spec: VersionSpec) -> pb.DatasetVersion:
    """Return the message for `spec`. Raises InvalidArgument for what a message cannot hold."""
    with holdable("dataset_version"):
        return pb.DatasetVersion(
            description=spec.description,
            uri=spec.uri,
            connection=str(spec.connection or ""),
            labels=spec.labels,
            annotations=spec.annotations,
        )


def version_from_proto(version: pb.DatasetVersion) -> DatasetVersion:
    """Return the version that the message holds."""
    return DatasetVersion(
        VersionName.parse(version.name),
        version_spec_from_proto(version),
        VERSION_STATE.from_proto(version.state, "state"),
        moment_from_proto(version.create_time),
        moment_from_proto(version.update_time),
        version.file_count,
        version.size_bytes,
        CollectionName.parse(version.collection) if version.collection else None,
        moment_from_proto(version.publish_time) if version.HasField("publish_time") else None,
        version.etag,
        _copy_from_proto(version.copy) if version.HasField("copy") else None,
    )


def version_to_proto(version: DatasetVersion) -> pb.DatasetVersion:
    """Return the message for `version`."""
    message = version_spec_to_proto(version.spec)
    message.name, message.etag = str(version.name), version.etag
    message.state = VERSION_STATE.to_proto(version.state)
    message.file_count, message.size_bytes = version.file_count, version.size_bytes
    message.collection = str(version.collection or "")
    message.create_time.CopyFrom(moment_to_proto(version.create_time))
    message.update_time.CopyFrom(moment_to_proto(version.update_time))
    if version.publish_time:
        message.publish_time.CopyFrom(moment_to_proto(version.publish_time))
    if version.copy:
        message.copy.CopyFrom(_copy_to_proto(version.copy))
    return message


def _copy_from_proto(copy: pb.VersionCopy) -> VersionCopy:
    error = from_status(copy.error) if copy.HasField("error") else None
    return VersionCopy(version_number(copy.source_version, "copy.source_version"), copy.total_count, error)


def _copy_to_proto(copy: VersionCopy) -> pb.VersionCopy:
    error = to_status(copy.error) if copy.error else None
    return pb.VersionCopy(source_version=f"v{copy.source}", total_count=copy.total_count, error=error)


def version_update_from_proto(request: pb.UpdateDatasetVersionRequest) -> VersionUpdate:
    """Return the update that a request asks for. Raises InvalidArgument."""
    version = request.dataset_version
    return VersionUpdate(
        VersionName.parse(version.name, "dataset_version.name"),
        version_spec_from_proto(version),
        fields_from_mask(request.update_mask, version, VersionField),
        version.etag,
        request.request_id,
    )


def version_update_to_proto(update: VersionUpdate) -> pb.UpdateDatasetVersionRequest:
    """Return the message for `update`."""
    message = version_spec_to_proto(update.spec)
    message.name, message.etag = str(update.name), update.etag
    return pb.UpdateDatasetVersionRequest(
        dataset_version=message, update_mask=mask_of(update.fields), request_id=update.request_id
    )


def version_number(text: str, field: str) -> int:
    """Read `v{number}`; empty is 0. Raises InvalidArgument."""
    return VersionName.parse(f"datasets/any/versions/{text}", field).number if text else 0


@contextmanager
def holdable(field: str) -> Iterator[None]:
    """Refuse what a message cannot hold: text that is not Unicode, a number that is too large."""
    try:
        yield
    except (UnicodeEncodeError, ValueError, TypeError) as error:
        raise InvalidArgument(f"{field}: {error}", field=field) from error


def _connection(name: str, field: str) -> ConnectionName | None:
    return ConnectionName.parse(name, field) if name else None
