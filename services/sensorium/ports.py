"""The ports: what each part of the mesh offers the others, local or remote, real or faked."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import SensoriumError
from sensorium.model.access import Named, Rule
from sensorium.model.collection import Alias, Collection, CollectionSpec, CollectionUpdate
from sensorium.model.document import Document, DocumentView
from sensorium.model.embedding import EmbedRequest, EmbedResponse, ModelInfo
from sensorium.model.job import CollectionJob, Driven, JobRequest, Snapshot
from sensorium.model.names import AliasName, CollectionName, JobName, SnapshotName, TagDefinitionName
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
from sensorium.model.tagging import DefinitionUpdate, TagDefinition, TagDefinitionSpec, TagRequest, TagResponse
from sensorium.model.usage import UsageQuery, UsageRecord

Tensor = NDArray[np.generic]


class InferenceServer(Protocol):
    """Runs tensors through a model (Triton)."""

    async def infer(
        self, model: str, inputs: Mapping[str, Tensor], outputs: Sequence[str], *, priority: int = 0
    ) -> dict[str, Tensor]:
        """Return the named outputs, each with the batch as its first axis.

        `priority` is Triton's: 1 before 2, 0 for the model's default. The current call's deadline is passed on.
        """
        ...

    async def ready(self, model: str) -> bool:
        """Return whether the model is loaded and a canary inference has passed."""
        ...


class Embedder(Protocol):
    """Turns contents into vectors (EmbedService)."""

    async def models(self) -> Sequence[ModelInfo]:
        """Return the models that can be called, by name."""
        ...

    async def model(self, name: str) -> ModelInfo:
        """Return one model; an empty name means the default. Raises NotFound."""
        ...

    async def embed(self, request: EmbedRequest) -> EmbedResponse:
        """Return one embedding or error for each content, in order."""
        ...


class Searcher(Protocol):
    """Keeps documents and finds them (SearchService); raises NotFound for an unknown collection.

    An alias will do wherever a collection is named.
    """

    async def get_collection(self, name: CollectionName) -> Collection:
        """Return one collection."""
        ...

    async def list_collections(self, workspace: str, page_size: int, page_token: str) -> Page[Collection]:
        """Return a page of the workspace's collections, by id."""
        ...

    async def create_collection(
        self, name: CollectionName, spec: CollectionSpec, *, request_id: str = ""
    ) -> Collection:
        """Create a collection. Raises AlreadyExists, unless the same `request_id`, which is not empty, created it."""
        ...

    async def update_collection(self, update: CollectionUpdate) -> Collection:
        """Change a collection. Raises Aborted when it changed since its etag was read."""
        ...

    async def delete_collection(self, name: CollectionName, *, force: bool) -> None:
        """Delete a collection.

        Raises FailedPrecondition when it holds documents and `force` is false, or an alias stands for it.
        """
        ...

    async def get_alias(self, name: AliasName) -> Alias:
        """Return one alias. Raises NotFound."""
        ...

    async def list_aliases(self, workspace: str, page_size: int, page_token: str) -> Page[Alias]:
        """Return a page of the workspace's aliases, by id."""
        ...

    async def set_alias(self, name: AliasName, collection: CollectionName) -> Alias:
        """Point an alias at a collection for all calls that begin later. Raises AlreadyExists for a collection's id."""
        ...

    async def delete_alias(self, name: AliasName) -> None:
        """Delete an alias; the collection stays. Raises NotFound."""
        ...

    async def create_job(self, request: JobRequest) -> CollectionJob:
        """Start long work on a collection. Raises AlreadyExists when such work has not ended."""
        ...

    async def get_job(self, name: JobName) -> CollectionJob:
        """Return one job. Raises NotFound."""
        ...

    async def list_jobs(self, workspace: str, collection: str, page_size: int, page_token: str) -> Page[CollectionJob]:
        """Return a page of jobs, latest first; an empty `collection` means all of the workspace."""
        ...

    async def cancel_job(self, name: JobName) -> CollectionJob:
        """Let a job stop soon. Raises NotFound, and FailedPrecondition when it has ended."""
        ...

    def watch_job(self, name: JobName) -> AsyncIterator[CollectionJob]:
        """Yield a job as it is, whenever it changes, until it has ended. Raises NotFound."""
        ...

    async def drive_job(self, driver: str, driven: Driven | None = None) -> Driven | None:
        """Report on the re-embedding that `driver` drives, and return it as it is; or ask for one that nobody drives.

        Raises:
            FailedPrecondition: STATE_UNFIT: another drives the job.
        """
        ...

    async def list_snapshots(self, collection: CollectionName, page_size: int, page_token: str) -> Page[Snapshot]:
        """Return a page of the snapshots of a collection, latest first; it need not exist any more."""
        ...

    async def delete_snapshot(self, name: SnapshotName) -> None:
        """Delete a snapshot. Raises NotFound."""
        ...

    async def get_documents(
        self, collection: CollectionName, ids: Sequence[str], view: DocumentView
    ) -> Sequence[Document | SensoriumError]:
        """Return a document or NotFound for each id, in order."""
        ...

    async def list_documents(
        self,
        collection: CollectionName,
        page_size: int,
        page_token: str,
        view: DocumentView,
        selection: Selection = EVERY_DOCUMENT,
    ) -> Page[Document]:
        """Return a page of the selected documents, by id."""
        ...

    async def count_documents(self, collection: CollectionName, selection: Selection = EVERY_DOCUMENT) -> int:
        """Return the number of selected documents."""
        ...

    async def upsert_documents(self, request: UpsertRequest) -> UpsertResponse:
        """Create or replace documents; the good ones are durable and visible to searches on return."""
        ...

    def upsert_stream(self, requests: AsyncIterator[UpsertRequest]) -> AsyncIterator[UpsertResponse]:
        """Yield the outcome of each request as soon as it is durable, in order; they are written in that order.

        Few requests are read ahead of the outcomes that were taken. The first error of a whole request ends the
        stream; nothing behind it is written.
        """
        ...

    async def change_documents(self, request: ChangeRequest) -> Sequence[SensoriumError | None]:
        """Change tags and attributes; what is None is durable and visible to searches on return, in order."""
        ...

    async def delete_documents(self, collection: CollectionName, ids: Sequence[str]) -> int:
        """Delete documents; return how many existed."""
        ...

    async def delete_selected(self, collection: CollectionName, selection: Selection) -> int:
        """Delete the selected documents that exist now; return how many. Refuses to select everything."""
        ...

    async def search(self, request: SearchRequest) -> SearchResponse:
        """Return the documents nearest to the query."""
        ...

    async def batch_search(self, requests: Sequence[SearchRequest]) -> Sequence[SearchResponse | SensoriumError]:
        """Return what each search finds, or why it failed, in order."""
        ...

    async def explain(self, request: SearchRequest) -> SearchPlan:
        """Return how a search would run, without running it."""
        ...


class Tagger(Protocol):
    """Keeps tag definitions and tags contents by them (TagService); raises NotFound for an unknown definition."""

    async def get_definition(self, name: TagDefinitionName, version: int) -> TagDefinition:
        """Return one version of a definition; 0 means the latest."""
        ...

    async def list_definitions(self, workspace: str, page_size: int, page_token: str) -> Page[TagDefinition]:
        """Return a page of the workspace's definitions in their latest version, by id."""
        ...

    async def list_definition_versions(
        self, name: TagDefinitionName, page_size: int, page_token: str
    ) -> Page[TagDefinition]:
        """Return a page of the versions of one definition, latest first."""
        ...

    async def create_definition(
        self, name: TagDefinitionName, spec: TagDefinitionSpec, *, request_id: str = ""
    ) -> TagDefinition:
        """Create a definition as version 1; a repeat with the same `request_id` is harmless. Raises AlreadyExists."""
        ...

    async def update_definition(self, update: DefinitionUpdate) -> TagDefinition:
        """Make a new version. Raises Aborted when the definition changed since its etag was read."""
        ...

    async def delete_definition(self, name: TagDefinitionName) -> None:
        """Delete a definition and its versions."""
        ...

    async def tag(self, request: TagRequest) -> TagResponse:
        """Return tags or an error for each content, in order."""
        ...


class SimilarityTagger(Protocol):
    """Tags contents by a definition that is brought along, with the vectors of one embedder."""

    async def tag_by(self, spec: TagDefinitionSpec, request: TagRequest) -> TagResponse:
        """Return tags or an error for each content, in order; of `request` the definition is not read.

        Raises:
            InvalidArgument: The model was not calibrated to tag.
            SensoriumError: The contents cannot be embedded at all.
        """
        ...


class UsageReader(Protocol):
    """Tells what keys have consumed (UsageService)."""

    async def list_usage(self, query: UsageQuery, page_size: int, page_token: str) -> Page[UsageRecord]:
        """Return a page of what was consumed, by time, workspace, key and model."""
        ...


class Permit(Protocol):
    """What one call was allowed when it began."""

    @property
    def key_id(self) -> str:
        """The key that was shown, for log lines; empty when none was."""
        ...

    @property
    def generations(self) -> tuple[int, ...]:
        """The generations of the key's secret that are good now, for whoever checks a signature."""
        ...

    @property
    def workspace(self) -> str:
        """The workspace of requests that name none."""
        ...

    @property
    def bounded(self) -> bool:
        """Whether it matters which resources are named; `Named()` will do if not."""
        ...

    @property
    def scoped(self) -> bool:
        """Whether some collections of a workspace are reached alone, and nothing else that is of all of it."""
        ...

    def request(self, named: Named, count: int) -> None:
        """Let one request pass, which counts as `count`.

        Raises:
            Unauthenticated: The key is no good any more.
            PermissionDenied: It names what the key does not reach.
            ResourceExhausted: RATE_LIMITED.
        """
        ...

    def used(self, tokens: int) -> None:
        """Charge what a response consumed."""
        ...


class Guard(Protocol):
    """Stands before every call of a server."""

    @property
    def closed(self) -> bool:
        """Whether callers who show nothing are refused."""
        ...

    @property
    def remedy(self) -> str:
        """What somebody may do so that it is closed."""
        ...

    def rule(self, method: str) -> Rule:
        """Return what `method` (`/package.Service/Method`) needs."""
        ...

    def admit_signer(self, rule: Rule, key_id: str) -> Permit:
        """Let a call begin that is signed with what belongs to a key; whoever asks checks the signature.

        Raises:
            Unauthenticated: There is no such key, or it is no good any more.
            PermissionDenied: It is not enough for the method.
        """
        ...

    def admit(self, rule: Rule, headers: Mapping[str, Any]) -> Permit:
        """Let a call begin.

        Raises:
            Unauthenticated: It shows nothing, or nothing good.
            PermissionDenied: What it shows is not enough for the method.
        """
        ...
