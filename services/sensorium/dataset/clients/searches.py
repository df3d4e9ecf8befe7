"""Searches in the versions of another process, behind the same port as those of this process."""

import grpc

from sensorium.dataset_ports import FileSearches
from sensorium.model.dataset_file import EVERY_FILE, FileSelection
from sensorium.model.dataset_names import VersionName
from sensorium.model.file_search import FileSearchRequest, FileSearchResponse, NearDuplicateGroup
from sensorium.model.search import Page, SearchPlan
from sensorium.rpc.codec.dataset_file import selection_to_proto
from sensorium.rpc.codec.file_search import found_from_proto, search_to_proto, twins_from_proto
from sensorium.v1 import dataset_service_pb2 as pb
from sensorium.v1.dataset_service_pb2_grpc import DatasetServiceStub


class FileSearchClient(FileSearches):
    """Satisfies `FileSearches` over a channel of `rpc.channel`."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = DatasetServiceStub(channel)

    async def search(self, request: FileSearchRequest) -> FileSearchResponse:
        """Return the files nearest to a query, or those that match."""
        return found_from_proto(await self._stub.SearchFiles(search_to_proto(request)))

    async def explain(self, request: FileSearchRequest) -> SearchPlan:
        """Return how a search would run."""
        asked = pb.ExplainSearchFilesRequest(request=search_to_proto(request))
        plan = await self._stub.ExplainSearchFiles(asked)
        return SearchPlan(plan.canonical_filter, tuple(plan.steps), plan.match_count)

    async def near_duplicates(
        self,
        version: VersionName,
        page_size: int,
        page_token: str,
        selection: FileSelection = EVERY_FILE,
        least_score: float = 0.0,
    ) -> Page[NearDuplicateGroup]:
        """Return a page of groups of files that are almost the same."""
        request = pb.ListNearDuplicatesRequest(
            parent=str(version),
            selection=selection_to_proto(selection, version),
            least_score=least_score,
            page_size=page_size,
            page_token=page_token,
        )
        response = await self._stub.ListNearDuplicates(request)
        return Page(tuple(map(twins_from_proto, response.groups)), response.next_page_token)
