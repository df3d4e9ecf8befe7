"""The methods of DatasetService for files and their tags."""

from collections.abc import AsyncIterator
from typing import Any

import grpc

from sensorium.dataset_ports import Files, Thumbnails
from sensorium.model.dataset_names import FileName, VersionName
from sensorium.model.search import FacetRequest
from sensorium.rpc.codec.dataset_file import (
    change_to_proto,
    edit_from_proto,
    file_to_proto,
    order_from_proto,
    selection_from_proto,
)
from sensorium.rpc.codec.search import facet_to_proto
from sensorium.v1 import dataset_service_pb2 as pb
from sensorium.v1.dataset_service_pb2_grpc import DatasetServiceServicer

Context = grpc.aio.ServicerContext[Any, Any]


class FileMethods(DatasetServiceServicer):
    """Serves `files` and `thumbnails`."""

    files: Files
    thumbnails: Thumbnails

    async def GetFile(self, request: pb.GetFileRequest, context: Context) -> pb.GetFileResponse:  # noqa: N802, ARG002
        """Return one file record."""
        return pb.GetFileResponse(file=file_to_proto(await self.files.get_file(FileName.parse(request.name))))

    async def ListFiles(self, request: pb.ListFilesRequest, context: Context) -> pb.ListFilesResponse:  # noqa: N802, ARG002
        """Return a page of file records."""
        version = VersionName.parse(request.parent, "parent")
        selection = selection_from_proto(request.selection, version, "selection")
        order = order_from_proto(request)
        page = await self.files.list_files(version, request.page_size, request.page_token, selection, order)
        total = (await self.files.statistics(version, selection)).file_count if request.with_total_count else 0
        return pb.ListFilesResponse(
            files=map(file_to_proto, page.items), next_page_token=page.next_page_token, total_count=total
        )

    async def ListFileIds(self, request: pb.ListFileIdsRequest, context: Context) -> pb.ListFileIdsResponse:  # noqa: N802, ARG002
        """Return a page of the ids of file records."""
        version = VersionName.parse(request.parent, "parent")
        selection = selection_from_proto(request.selection, version, "selection")
        page = await self.files.list_file_ids(version, request.page_size, request.page_token, selection)
        return pb.ListFileIdsResponse(ids=page.items, next_page_token=page.next_page_token)

    async def ReadFile(  # noqa: N802
        self,
        request: pb.ReadFileRequest,
        context: Context,  # noqa: ARG002
    ) -> AsyncIterator[pb.ReadFileResponse]:
        """Send the bytes of a file."""
        async for chunk in self.files.read_file(FileName.parse(request.name)):
            yield pb.ReadFileResponse(data=chunk)

    async def GetThumbnail(  # noqa: N802
        self,
        request: pb.GetThumbnailRequest,
        context: Context,  # noqa: ARG002
    ) -> pb.GetThumbnailResponse:
        """Return a small picture."""
        found = await self.thumbnails.get_thumbnail(FileName.parse(request.name), request.mode)
        return pb.GetThumbnailResponse(
            data=found.data, content_type=found.content_type, width=found.width, height=found.height
        )

    async def GetFileStatistics(  # noqa: N802
        self,
        request: pb.GetFileStatisticsRequest,
        context: Context,  # noqa: ARG002
    ) -> pb.GetFileStatisticsResponse:
        """Count files."""
        version = VersionName.parse(request.parent, "parent")
        selection = selection_from_proto(request.selection, version, "selection")
        facets = [FacetRequest(each.field, each.limit) for each in request.facets]
        found = await self.files.statistics(version, selection, facets)
        return pb.GetFileStatisticsResponse(
            file_count=found.file_count, size_bytes=found.size_bytes, facets=map(facet_to_proto, found.facets)
        )

    async def EditTags(self, request: pb.EditTagsRequest, context: Context) -> pb.EditTagsResponse:  # noqa: N802, ARG002
        """Change tags."""
        done = await self.files.edit_tags(edit_from_proto(request))
        return pb.EditTagsResponse(matched_count=done.matched_count, changed_count=done.changed_count)

    async def ListTagEdits(self, request: pb.ListTagEditsRequest, context: Context) -> pb.ListTagEditsResponse:  # noqa: N802, ARG002
        """Return a page of the history of a file's tags."""
        name = FileName.parse(request.parent, "parent")
        page = await self.files.list_tag_edits(name, request.page_size, request.page_token)
        return pb.ListTagEditsResponse(tag_edits=map(change_to_proto, page.items), next_page_token=page.next_page_token)
