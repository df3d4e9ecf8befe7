"""Collections on the wire."""

from datetime import UTC, datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp

from sensorium.errors import InvalidArgument
from sensorium.model.collection import AttributeField, AttributeType, Collection, CollectionSpec
from sensorium.model.names import CollectionName
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


def moment_from_proto(moment: Timestamp) -> datetime:
    """Return the moment in UTC, to the microsecond."""
    return moment.ToDatetime(tzinfo=UTC)


def moment_to_proto(moment: datetime) -> Timestamp:
    """Return the message for `moment`, which names its zone; three times as fast as protobuf's `FromDatetime`."""
    seconds, micros = divmod((moment - _EPOCH) // _MICROSECOND, 1_000_000)
    return Timestamp(seconds=seconds, nanos=1000 * micros)


def _attributes(collection: pb.Collection) -> tuple[AttributeField, ...]:
    return tuple(
        AttributeField(each.field, ATTRIBUTE_TYPE.from_proto(each.type, f"collection.attributes[{index}].type"))
        for index, each in enumerate(collection.attributes)
    )


def _fields(attributes: tuple[AttributeField, ...]) -> list[pb.AttributeField]:
    return [pb.AttributeField(field=each.field, type=ATTRIBUTE_TYPE.to_proto(each.type)) for each in attributes]
