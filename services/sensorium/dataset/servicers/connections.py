"""The methods of DatasetService for connections."""

from typing import Any

import grpc

from sensorium.dataset_ports import Connections
from sensorium.model.connection import Validation
from sensorium.model.dataset_names import ConnectionName
from sensorium.model.names import parse_workspace
from sensorium.rpc.codec.connection import (
    connection_to_proto,
    part_from_proto,
    spec_from_proto,
    update_from_proto,
)
from sensorium.rpc.status import to_status
from sensorium.v1 import dataset_service_pb2 as pb
from sensorium.v1.dataset_service_pb2_grpc import DatasetServiceServicer

Context = grpc.aio.ServicerContext[Any, Any]


class ConnectionMethods(DatasetServiceServicer):
    """Serves `connections`."""

    connections: Connections

    async def GetConnection(self, request: pb.GetConnectionRequest, context: Context) -> pb.GetConnectionResponse:  # noqa: N802, ARG002
        """Return one connection."""
        found = await self.connections.get_connection(ConnectionName.parse(request.name))
        return pb.GetConnectionResponse(connection=connection_to_proto(found))

    async def ListConnections(  # noqa: N802
        self,
        request: pb.ListConnectionsRequest,
        context: Context,  # noqa: ARG002
    ) -> pb.ListConnectionsResponse:
        """Return a page of connections."""
        workspace = parse_workspace(request.parent)
        page = await self.connections.list_connections(workspace, request.page_size, request.page_token)
        return pb.ListConnectionsResponse(
            connections=map(connection_to_proto, page.items), next_page_token=page.next_page_token
        )

    async def CreateConnection(  # noqa: N802
        self,
        request: pb.CreateConnectionRequest,
        context: Context,  # noqa: ARG002
    ) -> pb.CreateConnectionResponse:
        """Create a connection."""
        name = ConnectionName(parse_workspace(request.parent), request.connection_id)
        spec = spec_from_proto(request.connection)
        made = await self.connections.create_connection(name, spec, request_id=request.request_id)
        return pb.CreateConnectionResponse(connection=connection_to_proto(made))

    async def UpdateConnection(  # noqa: N802
        self,
        request: pb.UpdateConnectionRequest,
        context: Context,  # noqa: ARG002
    ) -> pb.UpdateConnectionResponse:
        """Change a connection."""
        changed = await self.connections.update_connection(update_from_proto(request))
        return pb.UpdateConnectionResponse(connection=connection_to_proto(changed))

    async def DeleteConnection(  # noqa: N802
        self,
        request: pb.DeleteConnectionRequest,
        context: Context,  # noqa: ARG002
    ) -> pb.DeleteConnectionResponse:
        """Delete a connection."""
        await self.connections.delete_connection(ConnectionName.parse(request.name))
        return pb.DeleteConnectionResponse()

    async def ValidateConnection(  # noqa: N802
        self,
        request: pb.ValidateConnectionRequest,
        context: Context,  # noqa: ARG002
    ) -> pb.ValidateConnectionResponse:
        """Try a connection."""
        workspace = parse_workspace(request.parent)
        wanted = Validation(
            workspace,
            ConnectionName.parse(request.name) if request.name else None,
            part_from_proto(request.connection) if request.HasField("connection") else None,
        )
        error = await self.connections.validate_connection(wanted)
        return pb.ValidateConnectionResponse(usable=error is None, error=to_status(error) if error else None)
