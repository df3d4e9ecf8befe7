"""The method of DatasetService for objects of connected buckets."""

from collections.abc import AsyncIterator
from typing import Any

import grpc

from sensorium.dataset_ports import Objects
from sensorium.model.names import parse_workspace
from sensorium.v1 import dataset_service_pb2 as pb
from sensorium.v1.dataset_service_pb2_grpc import DatasetServiceServicer

Context = grpc.aio.ServicerContext[Any, Any]


class ObjectMethods(DatasetServiceServicer):
    """Serves `objects`."""

    objects: Objects

    async def ReadObject(  # noqa: N802
        self,
        request: pb.ReadObjectRequest,
        context: Context,  # noqa: ARG002
    ) -> AsyncIterator[pb.ReadObjectResponse]:
        """Send the bytes of an object."""
        workspace = parse_workspace(request.parent)
        async for chunk in self.objects.read_object(workspace, request.uri, request.max_size_bytes):
            yield pb.ReadObjectResponse(data=chunk)
