"""SearchService over gRPC."""

from collections import deque
from collections.abc import AsyncIterator, Sequence
from typing import Any

import grpc

from sensorium.errors import DeadlineExceeded, ResourceExhausted, SensoriumError, Unavailable
from sensorium.model.count_check import check_count, check_excluded
from sensorium.model.embedding import Priority
from sensorium.model.names import AliasName, CollectionName, JobName, SnapshotName, parse_jobs_parent, parse_workspace
from sensorium.model.search import SearchResponse, Selection, UpsertRequest
from sensorium.ports import Searcher
from sensorium.rpc.codec.change import change_from_proto, outcomes_to_proto
from sensorium.rpc.codec.collection import alias_to_proto, collection_to_proto, spec_from_proto, update_from_proto
from sensorium.rpc.codec.document import document_to_proto, ids_from_names, result_to_proto, view_from_proto
from sensorium.rpc.codec.job import (
    driven_from_proto,
    driven_to_proto,
    job_request_from_proto,
    job_to_proto,
    snapshot_to_proto,
)
from sensorium.rpc.codec.search import (
    Faults,
    collection_from_parent,
    found_to_proto,
    plan_to_proto,
    request_from_proto,
    response_to_proto,
    searches_from_proto,
    tags_from_proto,
    upsert_from_proto,
    upserted_to_proto,
)
from sensorium.rpc.status import to_status
from sensorium.settings import SearchSettings
from sensorium.v1 import search_service_pb2 as pb
from sensorium.v1.search_service_pb2_grpc import SearchServiceServicer

# What says of a search that it could not run now, not that it was wrong.
_NOT_NOW = ResourceExhausted | DeadlineExceeded | Unavailable

Context = grpc.aio.ServicerContext[Any, Any]


class SearchServicer(SearchServiceServicer):
    """Serves `searcher`; what is not here is not built (docs/roadmap.md).

    Calls with more items than `limits` allows are refused before the items are read.
    """

    def __init__(self, searcher: Searcher, limits: SearchSettings) -> None:
        self._searcher = searcher
        self._limits = limits

    async def GetCollection(self, request: pb.GetCollectionRequest, context: Context) -> pb.GetCollectionResponse:  # noqa: N802, ARG002
        """Return one collection."""
        found = await self._searcher.get_collection(CollectionName.parse(request.name))
        return pb.GetCollectionResponse(collection=collection_to_proto(found))

    async def ListCollections(self, request: pb.ListCollectionsRequest, context: Context) -> pb.ListCollectionsResponse:  # noqa: N802, ARG002
        """Return a page of collections."""
        workspace = parse_workspace(request.parent)
        page = await self._searcher.list_collections(workspace, request.page_size, request.page_token)
        return pb.ListCollectionsResponse(
            collections=map(collection_to_proto, page.items), next_page_token=page.next_page_token
        )

    async def CreateCollection(  # noqa: N802
        self,
        request: pb.CreateCollectionRequest,
        context: Context,  # noqa: ARG002
    ) -> pb.CreateCollectionResponse:
        """Create a collection."""
        name = CollectionName(parse_workspace(request.parent), request.collection_id)
        spec = spec_from_proto(request.collection)
        created = await self._searcher.create_collection(name, spec, request_id=request.request_id)
        return pb.CreateCollectionResponse(collection=collection_to_proto(created))

    async def UpdateCollection(  # noqa: N802
        self,
        request: pb.UpdateCollectionRequest,
        context: Context,  # noqa: ARG002
    ) -> pb.UpdateCollectionResponse:
        """Change a collection."""
        changed = await self._searcher.update_collection(update_from_proto(request))
        return pb.UpdateCollectionResponse(collection=collection_to_proto(changed))

    async def DeleteCollection(  # noqa: N802
        self,
        request: pb.DeleteCollectionRequest,
        context: Context,  # noqa: ARG002
    ) -> pb.DeleteCollectionResponse:
        """Delete a collection."""
        await self._searcher.delete_collection(CollectionName.parse(request.name), force=request.force)
        return pb.DeleteCollectionResponse()

    async def BatchGetDocuments(  # noqa: N802
        self,
        request: pb.BatchGetDocumentsRequest,
        context: Context,  # noqa: ARG002
    ) -> pb.BatchGetDocumentsResponse:
        """Return documents by name."""
        collection = collection_from_parent(request.parent)
        check_count("names", len(request.names), self._limits.max_gets)
        ids, faults = ids_from_names(request.names, collection)
        results = await self._searcher.get_documents(collection, ids, view_from_proto(request.view))
        return pb.BatchGetDocumentsResponse(
            results=[result_to_proto(faults.get(i, result), collection) for i, result in enumerate(results)]
        )

    async def ListDocuments(self, request: pb.ListDocumentsRequest, context: Context) -> pb.ListDocumentsResponse:  # noqa: N802, ARG002
        """Return a page of documents."""
        collection = collection_from_parent(request.parent)
        view, selection = view_from_proto(request.view), Selection(request.filter, tags_from_proto(request.tags))
        page = await self._searcher.list_documents(collection, request.page_size, request.page_token, view, selection)
        return pb.ListDocumentsResponse(
            documents=[document_to_proto(document, collection, "document") for document in page.items],
            next_page_token=page.next_page_token,
        )

    async def CountDocuments(self, request: pb.CountDocumentsRequest, context: Context) -> pb.CountDocumentsResponse:  # noqa: N802, ARG002
        """Count documents."""
        selection = Selection(request.filter, tags_from_proto(request.tags))
        count = await self._searcher.count_documents(collection_from_parent(request.parent), selection)
        return pb.CountDocumentsResponse(count=count)

    async def UpsertDocuments(self, request: pb.UpsertDocumentsRequest, context: Context) -> pb.UpsertDocumentsResponse:  # noqa: N802, ARG002
        """Write documents."""
        check_count("documents", len(request.documents), self._limits.max_items)
        upsert, faults = upsert_from_proto(request)
        return upserted_to_proto(await self._searcher.upsert_documents(upsert), faults)

    async def StreamUpsertDocuments(  # noqa: N802
        self,
        requests: AsyncIterator[pb.StreamUpsertDocumentsRequest],
        context: Context,  # noqa: ARG002
    ) -> AsyncIterator[pb.StreamUpsertDocumentsResponse]:
        """Write batches as they come; each is answered when it is durable, in order."""
        faults: deque[Faults] = deque()

        async def read() -> AsyncIterator[UpsertRequest]:
            async for each in requests:
                check_count("request.documents", len(each.request.documents), self._limits.max_items)
                upsert, unreadable = upsert_from_proto(each.request, Priority.BULK)
                faults.append(unreadable)
                yield upsert

        async for written in self._searcher.upsert_stream(read()):
            yield pb.StreamUpsertDocumentsResponse(response=upserted_to_proto(written, faults.popleft()))

    async def BatchUpdateDocuments(  # noqa: N802
        self,
        request: pb.BatchUpdateDocumentsRequest,
        context: Context,  # noqa: ARG002
    ) -> pb.BatchUpdateDocumentsResponse:
        """Change tags and attributes of documents."""
        check_count("documents", len(request.documents), self._limits.max_items)
        change, faults = change_from_proto(request)
        outcomes = await self._searcher.change_documents(change)
        return pb.BatchUpdateDocumentsResponse(statuses=outcomes_to_proto(outcomes, faults))

    async def DeleteDocuments(self, request: pb.DeleteDocumentsRequest, context: Context) -> pb.DeleteDocumentsResponse:  # noqa: N802, ARG002
        """Delete documents by name, or by filter and tags."""
        collection = collection_from_parent(request.parent)
        selection = Selection(request.filter, tags_from_proto(request.tags))
        if not selection.is_everything:
            check_excluded("names", len(request.names), "a filter")
            return pb.DeleteDocumentsResponse(deleted_count=await self._searcher.delete_selected(collection, selection))
        check_count("names", len(request.names), self._limits.max_deletes)
        ids = [collection.document_id(name, f"names[{index}]") for index, name in enumerate(request.names)]
        return pb.DeleteDocumentsResponse(deleted_count=await self._searcher.delete_documents(collection, ids))

    async def Search(self, request: pb.SearchRequest, context: Context) -> pb.SearchResponse:  # noqa: N802, ARG002
        """Find the nearest documents."""
        search = request_from_proto(request)
        return response_to_proto(await self._searcher.search(search), search.collection)

    async def BatchSearch(self, request: pb.BatchSearchRequest, context: Context) -> pb.BatchSearchResponse:  # noqa: N802, ARG002
        """Run several searches."""
        check_count("requests", len(request.requests), self._limits.max_searches)
        searches, faults = searches_from_proto(request.requests)
        found = await self._searcher.batch_search(tuple(searches.values())) if searches else ()
        if not faults:
            _raise_if_none_ran(found)
        results = {
            index: found_to_proto(result, search.collection)
            for (index, search), result in zip(searches.items(), found, strict=True)
        } | {index: pb.SearchResult(error=to_status(fault)) for index, fault in faults.items()}
        return pb.BatchSearchResponse(results=[results[index] for index in range(len(request.requests))])

    async def ExplainSearch(self, request: pb.ExplainSearchRequest, context: Context) -> pb.ExplainSearchResponse:  # noqa: N802, ARG002
        """Say how a search would run."""
        return plan_to_proto(await self._searcher.explain(request_from_proto(request.request)))

    async def GetAlias(self, request: pb.GetAliasRequest, context: Context) -> pb.GetAliasResponse:  # noqa: N802, ARG002
        """Return one alias."""
        return pb.GetAliasResponse(alias=alias_to_proto(await self._searcher.get_alias(AliasName.parse(request.name))))

    async def ListAliases(self, request: pb.ListAliasesRequest, context: Context) -> pb.ListAliasesResponse:  # noqa: N802, ARG002
        """Return a page of aliases."""
        workspace = parse_workspace(request.parent)
        page = await self._searcher.list_aliases(workspace, request.page_size, request.page_token)
        return pb.ListAliasesResponse(aliases=map(alias_to_proto, page.items), next_page_token=page.next_page_token)

    async def SetAlias(self, request: pb.SetAliasRequest, context: Context) -> pb.SetAliasResponse:  # noqa: N802, ARG002
        """Point an alias at a collection."""
        name = AliasName.parse(request.alias.name, "alias.name")
        collection = CollectionName.parse(request.alias.collection, "alias.collection")
        return pb.SetAliasResponse(alias=alias_to_proto(await self._searcher.set_alias(name, collection)))

    async def DeleteAlias(self, request: pb.DeleteAliasRequest, context: Context) -> pb.DeleteAliasResponse:  # noqa: N802, ARG002
        """Delete an alias."""
        await self._searcher.delete_alias(AliasName.parse(request.name))
        return pb.DeleteAliasResponse()

    async def CreateCollectionJob(  # noqa: N802
        self,
        request: pb.CreateCollectionJobRequest,
        context: Context,  # noqa: ARG002
    ) -> pb.CreateCollectionJobResponse:
        """Start a job."""
        job = await self._searcher.create_job(job_request_from_proto(request))
        return pb.CreateCollectionJobResponse(job=job_to_proto(job))

    async def GetCollectionJob(  # noqa: N802
        self,
        request: pb.GetCollectionJobRequest,
        context: Context,  # noqa: ARG002
    ) -> pb.GetCollectionJobResponse:
        """Return one job."""
        job = await self._searcher.get_job(JobName.parse(request.name))
        return pb.GetCollectionJobResponse(job=job_to_proto(job))

    async def ListCollectionJobs(  # noqa: N802
        self,
        request: pb.ListCollectionJobsRequest,
        context: Context,  # noqa: ARG002
    ) -> pb.ListCollectionJobsResponse:
        """Return a page of jobs."""
        workspace, collection = parse_jobs_parent(request.parent)
        page = await self._searcher.list_jobs(workspace, collection, request.page_size, request.page_token)
        return pb.ListCollectionJobsResponse(jobs=map(job_to_proto, page.items), next_page_token=page.next_page_token)

    async def CancelCollectionJob(  # noqa: N802
        self,
        request: pb.CancelCollectionJobRequest,
        context: Context,  # noqa: ARG002
    ) -> pb.CancelCollectionJobResponse:
        """Let a job stop."""
        job = await self._searcher.cancel_job(JobName.parse(request.name))
        return pb.CancelCollectionJobResponse(job=job_to_proto(job))

    async def WatchCollectionJob(  # noqa: N802
        self,
        request: pb.WatchCollectionJobRequest,
        context: Context,  # noqa: ARG002
    ) -> AsyncIterator[pb.WatchCollectionJobResponse]:
        """Send a job whenever it changes, until it has ended."""
        async for job in self._searcher.watch_job(JobName.parse(request.name)):
            yield pb.WatchCollectionJobResponse(job=job_to_proto(job))

    async def DriveCollectionJob(  # noqa: N802
        self,
        request: pb.DriveCollectionJobRequest,
        context: Context,  # noqa: ARG002
    ) -> pb.DriveCollectionJobResponse:
        """Take over a re-embedding, or report on it."""
        return driven_to_proto(await self._searcher.drive_job(request.driver, driven_from_proto(request)))

    async def ListSnapshots(self, request: pb.ListSnapshotsRequest, context: Context) -> pb.ListSnapshotsResponse:  # noqa: N802, ARG002
        """Return a page of snapshots."""
        parent = CollectionName.parse(request.parent, "parent")
        page = await self._searcher.list_snapshots(parent, request.page_size, request.page_token)
        return pb.ListSnapshotsResponse(
            snapshots=map(snapshot_to_proto, page.items), next_page_token=page.next_page_token
        )

    async def DeleteSnapshot(self, request: pb.DeleteSnapshotRequest, context: Context) -> pb.DeleteSnapshotResponse:  # noqa: N802, ARG002
        """Delete a snapshot."""
        await self._searcher.delete_snapshot(SnapshotName.parse(request.name))
        return pb.DeleteSnapshotResponse()


def _raise_if_none_ran(found: Sequence[SearchResponse | SensoriumError]) -> None:
    """Raise the first error when no search could run now: the call then fails as one with a single search does."""
    for each in found:
        if not isinstance(each, _NOT_NOW):
            return
    for each in found:
        if isinstance(each, SensoriumError):
            raise each
