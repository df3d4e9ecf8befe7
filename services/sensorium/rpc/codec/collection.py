"""Collections on the wire."""

from datetime import UTC, datetime, timedelta

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp

from sensorium.errors import InvalidArgument
from sensorium.model.collection import (
    Alias,
    AttributeField,
    AttributeType,
    Collection,
    CollectionField,
    CollectionSpec,
    CollectionUpdate,
)
from sensorium.model.names import AliasName, CollectionName
from sensorium.rpc.codec.enums import METRIC, EnumTable
from sensorium.v1 import search_service_pb2 as pb
from sensorium.v1 import types_pb2

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

ATTRIBUTE_TYPE = EnumTable(
    {
        AttributeType.STRING: pb.AttributeField.TYPE_STRING,
        AttributeType.INT: pb.AttributeField.TYPE_INT,
        AttributeType.DOUBLE: pb.AttributeField.TYPE_DOUBLE,
        AttributeType.BOOL: pb.AttributeField.TYPE_BOOL,
        AttributeType.TIME: pb.AttributeField.TYPE_TIME,
        AttributeType.STRING_LIST: pb.AttributeField.TYPE_STRING_LIST,
    }
)


def spec_from_proto(collection: pb.Collection) -> CollectionSpec:
    """Return what a caller asks a collection to be. Raises InvalidArgument for an enum without meaning."""
    return CollectionSpec(
        description=collection.description,
        model=collection.model,
        model_revision=collection.model_revision,
        dimension=collection.dimension,
        metric=METRIC.from_proto(collection.metric, "collection.metric") if collection.metric else None,
        attributes=_attributes(collection),
    )


def spec_to_proto(spec: CollectionSpec) -> pb.Collection:
    """Return the message for `spec`. Raises InvalidArgument for what a message cannot hold."""
    try:
        return pb.Collection(
            description=spec.description,
            model=spec.model,
            model_revision=spec.model_revision,
            dimension=spec.dimension,
            metric=METRIC.to_proto(spec.metric) if spec.metric else types_pb2.METRIC_UNSPECIFIED,
            attributes=_fields(spec.attributes),
        )
    except (UnicodeEncodeError, ValueError) as error:
        raise InvalidArgument(f"collection: {error}", field="collection") from error


def collection_from_proto(collection: pb.Collection) -> Collection:
    """Return the collection that the message holds."""
    name = CollectionName.parse(collection.name, "collection.name")
    return Collection(
        workspace=name.workspace,
        id=name.id,
        description=collection.description,
        model=collection.model,
        model_revision=collection.model_revision,
        dimension=collection.dimension,
        metric=METRIC.from_proto(collection.metric, "collection.metric"),
        attributes=_attributes(collection),
        create_time=moment_from_proto(collection.create_time),
        update_time=moment_from_proto(collection.update_time),
        document_count=collection.document_count,
        pending_count=collection.pending_count,
        etag=collection.etag,
    )


def collection_to_proto(collection: Collection) -> pb.Collection:
    """Return the message for `collection`."""
    return pb.Collection(
        name=str(CollectionName(collection.workspace, collection.id)),
        description=collection.description,
        model=collection.model,
        model_revision=collection.model_revision,
        dimension=collection.dimension,
        metric=METRIC.to_proto(collection.metric),
        attributes=_fields(collection.attributes),
        document_count=collection.document_count,
        create_time=moment_to_proto(collection.create_time),
        update_time=moment_to_proto(collection.update_time),
        pending_count=collection.pending_count,
        etag=collection.etag,
    )


def update_from_proto(request: pb.UpdateCollectionRequest) -> CollectionUpdate:
    """Return the update; an empty mask means all that can change.

    Raises:
        InvalidArgument: The name is wrong, the mask names what cannot change, or a type has no meaning.
    """
    collection = request.collection
    return CollectionUpdate(
        name=CollectionName.parse(collection.name, "collection.name"),
        fields=tuple(map(_field, request.update_mask.paths)) or tuple(CollectionField),
        description=collection.description,
        attributes=_attributes(collection),
        etag=collection.etag,
        request_id=request.request_id,
    )


def update_to_proto(update: CollectionUpdate) -> pb.UpdateCollectionRequest:
    """Return the message for `update`, which changes at least one field. Raises InvalidArgument."""
    if not update.fields:  # An empty mask would mean all fields.
        raise InvalidArgument("update_mask: there is nothing to change", field="update_mask")
    try:
        return pb.UpdateCollectionRequest(
            collection=pb.Collection(
                name=str(update.name),
                description=update.description,
                attributes=_fields(update.attributes),
                etag=update.etag,
            ),
            update_mask=FieldMask(paths=[field.value for field in update.fields]),
            request_id=update.request_id,
        )
    except (UnicodeEncodeError, ValueError) as error:
        raise InvalidArgument(f"collection: {error}", field="collection") from error


def alias_from_proto(alias: pb.Alias) -> Alias:
    """Return the alias that the message holds. Raises InvalidArgument for a wrong name."""
    return Alias(
        AliasName.parse(alias.name, "alias.name"),
        CollectionName.parse(alias.collection, "alias.collection"),
        moment_from_proto(alias.update_time),
    )


def alias_to_proto(alias: Alias) -> pb.Alias:
    """Return the message for `alias`."""
    return pb.Alias(
        name=str(alias.name), collection=str(alias.collection), update_time=moment_to_proto(alias.update_time)
    )


def moment_from_proto(moment: Timestamp) -> datetime:
    """Return the moment in UTC, to the microsecond."""
    return moment.ToDatetime(tzinfo=UTC)


def moment_to_proto(moment: datetime) -> Timestamp:
    """Return the message for `moment`, which names its zone; three times as fast as protobuf's `FromDatetime`."""
    seconds, micros = divmod((moment - _EPOCH) // _MICROSECOND, 1_000_000)
    return Timestamp(seconds=seconds, nanos=1000 * micros)


def _field(path: str) -> CollectionField:
    try:
        return CollectionField(path)
    except ValueError:
        known = ", ".join(CollectionField)
        raise InvalidArgument(f"update_mask: {path!r} is none of {known}", field="update_mask") from None


def _attributes(collection: pb.Collection) -> tuple[AttributeField, ...]:
    return tuple(
        AttributeField(each.field, ATTRIBUTE_TYPE.from_proto(each.type, f"collection.attributes[{index}].type"))
        for index, each in enumerate(collection.attributes)
    )


def _fields(attributes: tuple[AttributeField, ...]) -> list[pb.AttributeField]:
    return [pb.AttributeField(field=each.field, type=ATTRIBUTE_TYPE.to_proto(each.type)) for each in attributes]
