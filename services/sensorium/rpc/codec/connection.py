"""Connections on the wire; secrets travel towards the server alone."""

from sensorium.model.connection import (
    Connection,
    ConnectionField,
    ConnectionKind,
    ConnectionModel,
    ConnectionSpec,
    ConnectionUpdate,
    ModelKind,
)
from sensorium.model.dataset_names import ConnectionName
from sensorium.rpc.codec.collection import moment_from_proto, moment_to_proto
from sensorium.rpc.codec.dataset import holdable
from sensorium.rpc.codec.enums import EnumTable
from sensorium.rpc.codec.mask import fields_from_mask, mask_of
from sensorium.v1 import dataset_service_pb2 as pb

KIND = EnumTable(
    {
        ConnectionKind.LOCAL: pb.Connection.KIND_LOCAL,
        ConnectionKind.S3: pb.Connection.KIND_S3,
        ConnectionKind.OSS: pb.Connection.KIND_OSS,
        ConnectionKind.DASH_SCOPE: pb.Connection.KIND_DASH_SCOPE,
        ConnectionKind.OPEN_AI: pb.Connection.KIND_OPEN_AI,
        ConnectionKind.EAS: pb.Connection.KIND_EAS,
        ConnectionKind.EMBEDDED: pb.Connection.KIND_EMBEDDED,
        ConnectionKind.MILVUS: pb.Connection.KIND_MILVUS,
        ConnectionKind.ELASTICSEARCH: pb.Connection.KIND_ELASTICSEARCH,
        ConnectionKind.OPEN_SEARCH: pb.Connection.KIND_OPEN_SEARCH,
        ConnectionKind.HOLOGRES: pb.Connection.KIND_HOLOGRES,
        ConnectionKind.LINDORM: pb.Connection.KIND_LINDORM,
    }
)
MODEL_KIND = EnumTable(
    {
        ModelKind.LLM: pb.ConnectionModel.KIND_LLM,
        ModelKind.EMBEDDING: pb.ConnectionModel.KIND_EMBEDDING,
        ModelKind.RERANK: pb.ConnectionModel.KIND_RERANK,
    }
)


def spec_from_proto(connection: pb.Connection) -> ConnectionSpec:
    """Return what a caller asks a connection to be. Raises InvalidArgument for an enum without meaning."""
    return _spec(connection, KIND.from_proto(connection.kind, "connection.kind"))


def part_from_proto(connection: pb.Connection) -> ConnectionSpec:
    """Return what an update or a trial says of a connection, which need not say its kind again."""
    kind = KIND.from_proto(connection.kind, "connection.kind") if connection.kind else ConnectionKind.EMBEDDED
    return _spec(connection, kind)


def spec_to_proto(spec: ConnectionSpec, field: str = "connection") -> pb.Connection:
    """Return the message for `spec`. Raises InvalidArgument for what a message cannot hold."""
    with holdable(field):
        return pb.Connection(
            description=spec.description,
            kind=KIND.to_proto(spec.kind),
            configs=spec.configs,
            secrets=spec.secrets,
            models=[
                pb.ConnectionModel(
                    model=each.model, display_name=each.display_name, kind=MODEL_KIND.to_proto(each.kind)
                )
                for each in spec.models
            ],
            annotations=spec.annotations,
        )


def connection_from_proto(connection: pb.Connection) -> Connection:
    """Return the connection that the message holds."""
    return Connection(
        ConnectionName.parse(connection.name),
        spec_from_proto(connection),
        tuple(connection.secret_names),
        moment_from_proto(connection.create_time),
        moment_from_proto(connection.update_time),
        connection.etag,
    )


def connection_to_proto(connection: Connection) -> pb.Connection:
    """Return the message for `connection`, whose spec holds no secrets."""
    message = spec_to_proto(connection.spec)
    message.ClearField("secrets")
    message.name = str(connection.name)
    message.secret_names.extend(connection.secret_names)
    message.create_time.CopyFrom(moment_to_proto(connection.create_time))
    message.update_time.CopyFrom(moment_to_proto(connection.update_time))
    message.etag = connection.etag
    return message


def update_from_proto(request: pb.UpdateConnectionRequest) -> ConnectionUpdate:
    """Return the update that a request asks for. Raises InvalidArgument."""
    return ConnectionUpdate(
        ConnectionName.parse(request.connection.name, "connection.name"),
        part_from_proto(request.connection),
        fields_from_mask(request.update_mask, request.connection, ConnectionField),
        request.connection.etag,
        request.request_id,
    )


def update_to_proto(update: ConnectionUpdate) -> pb.UpdateConnectionRequest:
    """Return the message for `update`."""
    message = spec_to_proto(update.spec)
    message.name, message.etag = str(update.name), update.etag
    return pb.UpdateConnectionRequest(
        connection=message, update_mask=mask_of(update.fields), request_id=update.request_id
    )


def _spec(connection: pb.Connection, kind: ConnectionKind) -> ConnectionSpec:
    return ConnectionSpec(
        kind,
        connection.description,
        dict(connection.configs),
        dict(connection.secrets),
        tuple(
            ConnectionModel(
                each.model, MODEL_KIND.from_proto(each.kind, f"connection.models[{place}].kind"), each.display_name
            )
            for place, each in enumerate(connection.models)
        ),
        dict(connection.annotations),
    )
