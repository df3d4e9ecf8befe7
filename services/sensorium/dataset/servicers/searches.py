"""The methods of DatasetService that find files."""

from typing import Any

import grpc

from sensorium.dataset_ports import FileSearches
from sensorium.model.dataset_names import VersionName
from sensorium.rpc.codec.dataset_file import selection_from_proto
from sensorium.rpc.codec.file_search import found_to_proto, search_from_proto, twins_to_proto
from sensorium.v1 import dataset_service_pb2 as pb
from sensorium.v1.dataset_service_pb2_grpc import DatasetServiceServicer

Context = grpc.aio.ServicerContext[Any, Any]


class SearchMethods(DatasetServiceServicer):
    """Serves `searches`."""

    searches: FileSearches

    async def SearchFiles(self, request: pb.SearchFilesRequest, context: Context) -> pb.SearchFilesResponse:  # noqa: N802, ARG002
        """Find files."""
        return found_to_proto(await self.searches.search(search_from_proto(request)))

    async def ExplainSearchFiles(  # noqa: N802
        self,
        request: pb.ExplainSearchFilesRequest,
        context: Context,  # noqa: ARG002
    ) -> pb.ExplainSearchFilesResponse:
        """Say how a search would run."""
        plan = await self.searches.explain(search_from_proto(request.request))
        return pb.ExplainSearchFilesResponse(
            canonical_filter=plan.canonical_filter, steps=plan.steps, match_count=plan.match_count
        )

    async def ListNearDuplicates(  # noqa: N802
        self,
        request: pb.ListNearDuplicatesRequest,
        context: Context,  # noqa: ARG002
    ) -> pb.ListNearDuplicatesResponse:
        """Return a page of groups of files that are almost the same."""
        version = VersionName.parse(request.parent, "parent")
        selection = selection_from_proto(request.selection, version, "selection")
        page = await self.searches.near_duplicates(
            version, request.page_size, request.page_token, selection, request.least_score
        )
        return pb.ListNearDuplicatesResponse(
            groups=map(twins_to_proto, page.items), next_page_token=page.next_page_token
        )
