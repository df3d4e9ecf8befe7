"""UsageService over gRPC."""

from typing import Any

import grpc

from sensorium.ports import UsageReader
from sensorium.rpc.codec.usage_record import query_from_proto, record_to_proto
from sensorium.v1 import usage_service_pb2 as pb
from sensorium.v1.usage_service_pb2_grpc import UsageServiceServicer


class UsageServicer(UsageServiceServicer):
    """Serves `usage`."""

    def __init__(self, usage: UsageReader) -> None:
        self._usage = usage

    async def ListUsage(  # noqa: N802
        self,
        request: pb.ListUsageRequest,
        context: grpc.aio.ServicerContext[Any, Any],  # noqa: ARG002
    ) -> pb.ListUsageResponse:
        """Return a page of what was consumed."""
        page = await self._usage.list_usage(query_from_proto(request), request.page_size, request.page_token)
        return pb.ListUsageResponse(records=map(record_to_proto, page.items), next_page_token=page.next_page_token)
