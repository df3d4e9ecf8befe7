"""Objects that another process reads through its connections, behind the same port as those of this process."""

from collections.abc import AsyncGenerator

import grpc

from sensorium.dataset_ports import Objects
from sensorium.v1 import dataset_service_pb2 as pb
from sensorium.v1.dataset_service_pb2_grpc import DatasetServiceStub


class ObjectClient(Objects):
    """Satisfies `Objects` over a channel of `rpc.channel`."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = DatasetServiceStub(channel)

    async def read_object(self, workspace: str, uri: str, most: int) -> AsyncGenerator[bytes]:
        """Yield the bytes of an object, at most 1 MiB at a time."""
        request = pb.ReadObjectRequest(parent=f"workspaces/{workspace}", uri=uri, max_size_bytes=most)
        async for response in self._stub.ReadObject(request):
            yield response.data
