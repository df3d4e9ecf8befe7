"""The search service of another process, behind the same port as the one in this process."""

import uuid
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import grpc

from sensorium import context
from sensorium.context import Stage
from sensorium.errors import InvalidArgument, SensoriumError
from sensorium.model.collection import Alias, Collection, CollectionSpec, CollectionUpdate
from sensorium.model.document import Document, DocumentView
from sensorium.model.job import CollectionJob, Driven, JobRequest, Snapshot
from sensorium.model.names import AliasName, CollectionName, JobName, SnapshotName
from sensorium.model.search import (
    EVERY_DOCUMENT,
    ChangeRequest,
    Page,
    SearchPlan,
    SearchRequest,
    SearchResponse,
    Selection,
    UpsertRequest,
    UpsertResponse,
)
from sensorium.ports import Searcher
from sensorium.rpc.codec.change import change_to_proto, outcomes_from_proto
from sensorium.rpc.codec.collection import alias_from_proto, collection_from_proto, spec_to_proto, update_to_proto
from sensorium.rpc.codec.document import document_from_proto, result_from_proto, view_to_proto
from sensorium.rpc.codec.job import (
    drive_request_to_proto,
    driven_from_proto,
    job_from_proto,
    job_request_to_proto,
    snapshot_from_proto,
)
from sensorium.rpc.codec.search import (
    Faults,
    filter_to_proto,
    found_from_proto,
    plan_from_proto,
    request_to_proto,
    response_from_proto,
    searches_to_proto,
    tags_to_proto,
    upsert_to_proto,
    upserted_from_proto,
)
from sensorium.v1 import search_service_pb2 as pb
from sensorium.v1.search_service_pb2_grpc import SearchServiceStub

# Methods that may be repeated when the service is away, for the channel factory. Deleting a collection or an alias is
# not among them: the repeat of one that succeeded would report an error.
REPEATABLE = {
    "sensorium.v1.SearchService": (
        "GetCollection",
        "ListCollections",
        "CreateCollection",
        "UpdateCollection",
        "BatchGetDocuments",
        "ListDocuments",
        "CountDocuments",
        "UpsertDocuments",
        "BatchUpdateDocuments",
        "Search",
        "BatchSearch",
        "ExplainSearch",
        "GetAlias",
        "ListAliases",
        "SetAlias",
        "CreateCollectionJob",
        "GetCollectionJob",
        "ListCollectionJobs",
        "ListSnapshots",
    )
}


class SearchClient(Searcher):
    """Satisfies `Searcher` over a channel of `rpc.channel`, which passes deadlines on and raises our errors."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = SearchServiceStub(channel)

    async def get_collection(self, name: CollectionName) -> Collection:
        """Return one collection."""
        response = await self._stub.GetCollection(pb.GetCollectionRequest(name=str(name)))
        return collection_from_proto(response.collection)

    async def list_collections(self, workspace: str, page_size: int, page_token: str) -> Page[Collection]:
        """Return a page of the workspace's collections, by id."""
        response = await self._stub.ListCollections(
            pb.ListCollectionsRequest(parent=f"workspaces/{workspace}", page_size=page_size, page_token=page_token)
        )
        return Page(tuple(map(collection_from_proto, response.collections)), response.next_page_token)

    async def create_collection(
        self, name: CollectionName, spec: CollectionSpec, *, request_id: str = ""
    ) -> Collection:
        """Create a collection; one request id for all repeats of the call makes them harmless. Raises AlreadyExists."""
        response = await self._stub.CreateCollection(
            pb.CreateCollectionRequest(
                parent=f"workspaces/{name.workspace}",
                collection_id=name.id,
                collection=spec_to_proto(spec),
                request_id=request_id or uuid.uuid4().hex,
            )
        )
        return collection_from_proto(response.collection)

    async def update_collection(self, update: CollectionUpdate) -> Collection:
        """Change a collection; one request id for all repeats of the call makes them harmless. Raises Aborted."""
        message = update_to_proto(replace(update, request_id=update.request_id or uuid.uuid4().hex))
        return collection_from_proto((await self._stub.UpdateCollection(message)).collection)

    async def delete_collection(self, name: CollectionName, *, force: bool) -> None:
        """Delete a collection. Raises FailedPrecondition when it holds documents and `force` is false."""
        await self._stub.DeleteCollection(pb.DeleteCollectionRequest(name=str(name), force=force))

    async def get_alias(self, name: AliasName) -> Alias:
        """Return one alias. Raises NotFound."""
        return alias_from_proto((await self._stub.GetAlias(pb.GetAliasRequest(name=str(name)))).alias)

    async def list_aliases(self, workspace: str, page_size: int, page_token: str) -> Page[Alias]:
        """Return a page of the workspace's aliases, by id."""
        response = await self._stub.ListAliases(
            pb.ListAliasesRequest(parent=f"workspaces/{workspace}", page_size=page_size, page_token=page_token)
        )
        return Page(tuple(map(alias_from_proto, response.aliases)), response.next_page_token)

    async def set_alias(self, name: AliasName, collection: CollectionName) -> Alias:
        """Point an alias at a collection for all calls that begin later. Raises AlreadyExists for a collection's id."""
        request = pb.SetAliasRequest(alias=pb.Alias(name=str(name), collection=str(collection)))
        return alias_from_proto((await self._stub.SetAlias(request)).alias)

    async def delete_alias(self, name: AliasName) -> None:
        """Delete an alias; the collection stays. Raises NotFound."""
        await self._stub.DeleteAlias(pb.DeleteAliasRequest(name=str(name)))

    async def create_job(self, request: JobRequest) -> CollectionJob:
        """Start long work; one request id for all repeats of the call makes them harmless. Raises AlreadyExists."""
        message = job_request_to_proto(replace(request, request_id=request.request_id or uuid.uuid4().hex))
        return job_from_proto((await self._stub.CreateCollectionJob(message)).job)

    async def get_job(self, name: JobName) -> CollectionJob:
        """Return one job. Raises NotFound."""
        return job_from_proto((await self._stub.GetCollectionJob(pb.GetCollectionJobRequest(name=str(name)))).job)

    async def list_jobs(self, workspace: str, collection: str, page_size: int, page_token: str) -> Page[CollectionJob]:
        """Return a page of jobs, latest first; an empty `collection` means all of the workspace."""
        parent = f"workspaces/{workspace}/collections/{collection or '-'}"
        request = pb.ListCollectionJobsRequest(parent=parent, page_size=page_size, page_token=page_token)
        response = await self._stub.ListCollectionJobs(request)
        return Page(tuple(map(job_from_proto, response.jobs)), response.next_page_token)

    async def cancel_job(self, name: JobName) -> CollectionJob:
        """Let a job stop soon. Raises NotFound."""
        return job_from_proto((await self._stub.CancelCollectionJob(pb.CancelCollectionJobRequest(name=str(name)))).job)

    async def watch_job(self, name: JobName) -> AsyncIterator[CollectionJob]:
        """Yield a job whenever it changes, until it has ended. Raises NotFound."""
        call = self._stub.WatchCollectionJob(pb.WatchCollectionJobRequest(name=str(name)))
        try:
            async for response in call:
                yield job_from_proto(response.job)
        finally:
            call.cancel()

    async def drive_job(self, driver: str, driven: Driven | None = None) -> Driven | None:
        """Report on a job that `driver` drives, or ask for one. Raises FailedPrecondition when another drives it."""
        return driven_from_proto(await self._stub.DriveCollectionJob(drive_request_to_proto(driver, driven)))

    async def list_snapshots(self, collection: CollectionName, page_size: int, page_token: str) -> Page[Snapshot]:
        """Return a page of the snapshots of a collection, latest first."""
        request = pb.ListSnapshotsRequest(parent=str(collection), page_size=page_size, page_token=page_token)
        response = await self._stub.ListSnapshots(request)
        return Page(tuple(map(snapshot_from_proto, response.snapshots)), response.next_page_token)

    async def delete_snapshot(self, name: SnapshotName) -> None:
        """Delete a snapshot. Raises NotFound."""
        await self._stub.DeleteSnapshot(pb.DeleteSnapshotRequest(name=str(name)))

    async def get_documents(
        self, collection: CollectionName, ids: Sequence[str], view: DocumentView
    ) -> Sequence[Document | SensoriumError]:
        """Return a document or an error for each id, in order."""
        request = pb.BatchGetDocumentsRequest(
            parent=str(collection), names=_names(collection, ids), view=view_to_proto(view)
        )
        response = await self._stub.BatchGetDocuments(request)
        return [
            result_from_proto(result, collection, f"results[{index}]") for index, result in enumerate(response.results)
        ]

    async def list_documents(
        self,
        collection: CollectionName,
        page_size: int,
        page_token: str,
        view: DocumentView,
        selection: Selection = EVERY_DOCUMENT,
    ) -> Page[Document]:
        """Return a page of the selected documents, by id."""
        response = await self._stub.ListDocuments(
            pb.ListDocumentsRequest(
                parent=str(collection),
                page_size=page_size,
                page_token=page_token,
                filter=filter_to_proto(selection.filter),
                tags=tags_to_proto(selection.tags),
                view=view_to_proto(view),
            )
        )
        found = [
            document_from_proto(document, collection, f"documents[{index}]")
            for index, document in enumerate(response.documents)
        ]
        return Page(tuple(found), response.next_page_token)

    async def count_documents(self, collection: CollectionName, selection: Selection = EVERY_DOCUMENT) -> int:
        """Return the number of selected documents."""
        request = pb.CountDocumentsRequest(
            parent=str(collection), filter=filter_to_proto(selection.filter), tags=tags_to_proto(selection.tags)
        )
        return (await self._stub.CountDocuments(request)).count

    async def upsert_documents(self, request: UpsertRequest) -> UpsertResponse:
        """Create or replace documents; the good ones are durable and visible to searches on return."""
        message, faults = upsert_to_proto(request)
        response = upserted_from_proto(await self._stub.UpsertDocuments(message), faults)
        context.record(Stage.SEARCH, response.timings.search_ms / 1e3)
        return response

    async def upsert_stream(self, requests: AsyncIterator[UpsertRequest]) -> AsyncIterator[UpsertResponse]:
        """Yield the outcome of each request as soon as it is durable, in order."""
        faults: deque[Faults] = deque()

        async def messages() -> AsyncIterator[pb.StreamUpsertDocumentsRequest]:
            async for request in requests:
                message, unsendable = upsert_to_proto(request)
                faults.append(unsendable)
                yield pb.StreamUpsertDocumentsRequest(request=message)

        call = self._stub.StreamUpsertDocuments(messages())
        try:
            async for response in call:
                yield upserted_from_proto(response.response, faults.popleft())
        finally:
            call.cancel()

    async def change_documents(self, request: ChangeRequest) -> Sequence[SensoriumError | None]:
        """Change tags and attributes; what is None is durable and visible to searches on return, in order."""
        message, faults = change_to_proto(request)
        return outcomes_from_proto((await self._stub.BatchUpdateDocuments(message)).statuses, faults)

    async def delete_documents(self, collection: CollectionName, ids: Sequence[str]) -> int:
        """Delete documents; return how many existed."""
        request = pb.DeleteDocumentsRequest(parent=str(collection), names=_names(collection, ids))
        return (await self._stub.DeleteDocuments(request)).deleted_count

    async def delete_selected(self, collection: CollectionName, selection: Selection) -> int:
        """Delete the selected documents that exist now; return how many."""
        if selection.is_everything:
            raise InvalidArgument("filter: names, a filter or tags are needed", field="filter")
        request = pb.DeleteDocumentsRequest(
            parent=str(collection), filter=filter_to_proto(selection.filter), tags=tags_to_proto(selection.tags)
        )
        return (await self._stub.DeleteDocuments(request)).deleted_count

    async def search(self, request: SearchRequest) -> SearchResponse:
        """Return the documents nearest to the query."""
        message = await self._stub.Search(request_to_proto(request))
        response = response_from_proto(message, request.collection)
        context.record(Stage.SEARCH, response.timings.search_ms / 1e3)
        return response

    async def batch_search(self, requests: Sequence[SearchRequest]) -> Sequence[SearchResponse | SensoriumError]:
        """Return what each search finds, or why it failed, in order."""
        messages, outcomes = searches_to_proto(requests)
        if messages or not requests:
            response = await self._stub.BatchSearch(pb.BatchSearchRequest(requests=messages.values()))
            found: dict[int, SearchResponse | SensoriumError] = {
                index: found_from_proto(result, requests[index].collection)
                for index, result in zip(messages, response.results, strict=True)
            }
        else:
            found = {}
        return [found.get(index) or outcomes[index] for index in range(len(requests))]

    async def explain(self, request: SearchRequest) -> SearchPlan:
        """Return how a search would run, without running it."""
        message = pb.ExplainSearchRequest(request=request_to_proto(request))
        return plan_from_proto(await self._stub.ExplainSearch(message))


def _names(collection: CollectionName, ids: Sequence[str]) -> list[str]:
    names = [collection.document(each) for each in ids]
    for index, name in enumerate(names):
        try:
            name.encode()
        except UnicodeEncodeError as error:
            raise InvalidArgument(f"names[{index}]: it is not valid Unicode", field=f"names[{index}]") from error
    return names
