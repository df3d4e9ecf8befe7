"""The usage that another process counts, behind the same port."""

import grpc

from sensorium.model.search import Page
from sensorium.model.usage import UsageQuery, UsageRecord
from sensorium.ports import UsageReader
from sensorium.rpc.codec.usage_record import query_to_proto, record_from_proto
from sensorium.v1.usage_service_pb2_grpc import UsageServiceStub

# Methods that may be repeated when the service is away, for the channel factory.
REPEATABLE = {"sensorium.v1.UsageService": ("ListUsage",)}


class UsageClient(UsageReader):
    """Satisfies `UsageReader` over a channel of `rpc.channel`."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = UsageServiceStub(channel)

    async def list_usage(self, query: UsageQuery, page_size: int, page_token: str) -> Page[UsageRecord]:
        """Return a page of what was consumed, by time, workspace, key and model."""
        response = await self._stub.ListUsage(query_to_proto(query, page_size, page_token))
        return Page(tuple(map(record_from_proto, response.records)), response.next_page_token)
