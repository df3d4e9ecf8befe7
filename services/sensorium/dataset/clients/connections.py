"""Connections of another process, behind the same port as those of this process."""

from dataclasses import replace

import grpc

from sensorium.dataset.clients.datasets import new_request_id
from sensorium.dataset_ports import Connections
from sensorium.errors import SensoriumError
from sensorium.model.connection import Connection, ConnectionSpec, ConnectionUpdate, Validation
from sensorium.model.dataset_names import ConnectionName
from sensorium.model.search import Page
from sensorium.rpc.codec.connection import connection_from_proto, spec_to_proto, update_to_proto
from sensorium.rpc.status import from_status
from sensorium.v1 import dataset_service_pb2 as pb
from sensorium.v1.dataset_service_pb2_grpc import DatasetServiceStub


class ConnectionClient(Connections):
    """Satisfies `Connections` over a channel of `rpc.channel`."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = DatasetServiceStub(channel)

    async def get_connection(self, name: ConnectionName) -> Connection:
        """Return one connection, without its secrets."""
        response = await self._stub.GetConnection(pb.GetConnectionRequest(name=str(name)))
        return connection_from_proto(response.connection)

    async def list_connections(self, workspace: str, page_size: int, page_token: str) -> Page[Connection]:
        """Return a page of the workspace's connections, by id, without their secrets."""
        request = pb.ListConnectionsRequest(
            parent=f"workspaces/{workspace}", page_size=page_size, page_token=page_token
        )
        response = await self._stub.ListConnections(request)
        return Page(tuple(map(connection_from_proto, response.connections)), response.next_page_token)

    async def create_connection(
        self, name: ConnectionName, spec: ConnectionSpec, *, request_id: str = ""
    ) -> Connection:
        """Create a connection."""
        response = await self._stub.CreateConnection(
            pb.CreateConnectionRequest(
                parent=f"workspaces/{name.workspace}",
                connection_id=name.id,
                connection=spec_to_proto(spec),
                request_id=request_id or new_request_id(),
            )
        )
        return connection_from_proto(response.connection)

    async def update_connection(self, update: ConnectionUpdate) -> Connection:
        """Change a connection."""
        named = replace(update, request_id=update.request_id or new_request_id())
        return connection_from_proto((await self._stub.UpdateConnection(update_to_proto(named))).connection)

    async def delete_connection(self, name: ConnectionName) -> None:
        """Delete a connection."""
        await self._stub.DeleteConnection(pb.DeleteConnectionRequest(name=str(name)))

    async def validate_connection(self, wanted: Validation) -> SensoriumError | None:
        """Try a connection; return what is wrong with it, or None."""
        response = await self._stub.ValidateConnection(
            pb.ValidateConnectionRequest(
                parent=f"workspaces/{wanted.workspace}",
                name=str(wanted.name or ""),
                connection=spec_to_proto(wanted.spec) if wanted.spec else None,
            )
        )
        return None if response.usable else from_status(response.error)
