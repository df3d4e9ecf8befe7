"""Files of another process, behind the same port as those of this process."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import grpc

from sensorium.dataset.clients.datasets import new_request_id
from sensorium.dataset_ports import Files, Thumbnails
from sensorium.model.dataset_file import (
    BY_URI,
    EVERY_FILE,
    FileOrder,
    FileRecord,
    FileSelection,
    FileStatistics,
    TagChange,
    TagEdit,
    TagEditResult,
    Thumbnail,
)
from sensorium.model.dataset_names import FileName, VersionName
from sensorium.model.search import FacetRequest, Page
from sensorium.rpc.codec.dataset_file import (
    SORT_BY,
    change_from_proto,
    edit_to_proto,
    file_from_proto,
    selection_to_proto,
)
from sensorium.rpc.codec.search import facet_from_proto
from sensorium.v1 import dataset_service_pb2 as pb
from sensorium.v1 import search_service_pb2
from sensorium.v1.dataset_service_pb2_grpc import DatasetServiceStub


class FileClient(Files):
    """Satisfies `Files` over a channel of `rpc.channel`."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = DatasetServiceStub(channel)

    async def get_file(self, name: FileName) -> FileRecord:
        """Return one file record."""
        return file_from_proto((await self._stub.GetFile(pb.GetFileRequest(name=str(name)))).file)

    async def list_files(
        self,
        version: VersionName,
        page_size: int,
        page_token: str,
        selection: FileSelection = EVERY_FILE,
        order: FileOrder = BY_URI,
    ) -> Page[FileRecord]:
        """Return a page of the selected files."""
        request = pb.ListFilesRequest(
            parent=str(version),
            page_size=page_size,
            page_token=page_token,
            selection=selection_to_proto(selection, version),
            sort_by=SORT_BY.to_proto(order.by),
            descending=order.descending,
        )
        response = await self._stub.ListFiles(request)
        return Page(tuple(map(file_from_proto, response.files)), response.next_page_token)

    async def list_file_ids(
        self, version: VersionName, page_size: int, page_token: str, selection: FileSelection = EVERY_FILE
    ) -> Page[str]:
        """Return a page of the ids of the selected files, by URI."""
        request = pb.ListFileIdsRequest(
            parent=str(version),
            page_size=page_size,
            page_token=page_token,
            selection=selection_to_proto(selection, version),
        )
        response = await self._stub.ListFileIds(request)
        return Page(tuple(response.ids), response.next_page_token)

    async def statistics(
        self, version: VersionName, selection: FileSelection = EVERY_FILE, facets: Sequence[FacetRequest] = ()
    ) -> FileStatistics:
        """Count the selected files, and the values of their fields."""
        request = pb.GetFileStatisticsRequest(
            parent=str(version),
            selection=selection_to_proto(selection, version),
            facets=[search_service_pb2.FacetRequest(field=each.field, limit=each.limit) for each in facets],
        )
        response = await self._stub.GetFileStatistics(request)
        counts = tuple(facet_from_proto(each, f"facets[{place}]") for place, each in enumerate(response.facets))
        return FileStatistics(response.file_count, response.size_bytes, counts)

    async def read_file(self, name: FileName) -> AsyncIterator[bytes]:
        """Yield the bytes of a file from its storage, at most 1 MiB at a time."""
        async for response in self._stub.ReadFile(pb.ReadFileRequest(name=str(name))):
            yield response.data

    async def edit_tags(self, edit: TagEdit) -> TagEditResult:
        """Change user tags, and which algorithm tags are hidden."""
        named = replace(edit, request_id=edit.request_id or new_request_id())
        response = await self._stub.EditTags(edit_to_proto(named))
        return TagEditResult(response.matched_count, response.changed_count)

    async def list_tag_edits(self, name: FileName, page_size: int, page_token: str) -> Page[TagChange]:
        """Return a page of the changes of one file's tags, latest first."""
        request = pb.ListTagEditsRequest(parent=str(name), page_size=page_size, page_token=page_token)
        response = await self._stub.ListTagEdits(request)
        return Page(tuple(map(change_from_proto, response.tag_edits)), response.next_page_token)


class ThumbnailClient(Thumbnails):
    """Satisfies `Thumbnails` over a channel of `rpc.channel`."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = DatasetServiceStub(channel)

    async def get_thumbnail(self, name: FileName, mode: str = "") -> Thumbnail:
        """Return a small picture of an image."""
        found = await self._stub.GetThumbnail(pb.GetThumbnailRequest(name=str(name), mode=mode))
        return Thumbnail(found.data, found.content_type, found.width, found.height)
