"""The client for code with an event loop; its methods are the ports, made convenient."""

import os
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from datetime import datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self, Unpack

from sensorium.client.batches import batches
from sensorium.client.bulk import BulkWriter
from sensorium.client.calling import Caller
from sensorium.client.connection import Backends, Endpoint, connect
from sensorium.client.contents import Given, as_contents, content_bytes
from sensorium.client.datasets import AsyncDatasets
from sensorium.client.documents import Document
from sensorium.client.embeddings import Embeddings
from sensorium.client.hits import Hits
from sensorium.client.jobs import JobMethods
from sensorium.client.paging import each_of
from sensorium.client.queries import Query
from sensorium.client.searches import SearchOptions, search_request
from sensorium.client.tagging import DefinitionChange, Tagged, Tags, definition_name, tag_specs
from sensorium.client.upserts import UpsertReport, change_batch, write_batch
from sensorium.errors import SensoriumError
from sensorium.model.collection import (
    Alias,
    AttributeField,
    Collection,
    CollectionField,
    CollectionSpec,
    CollectionUpdate,
)
from sensorium.model.document import Document as StoredDocument
from sensorium.model.document import DocumentMask, DocumentView
from sensorium.model.embedding import (
    EmbedOptions,
    EmbedRequest,
    EmbedRole,
    Fusion,
    ModelInfo,
    OutputKind,
    Priority,
    Truncation,
)
from sensorium.model.names import DEFAULT_WORKSPACE, AliasName, CollectionName, TagDefinitionName, check_id
from sensorium.model.search import Page, SearchPlan, SearchResponse, Selection, TagFilter
from sensorium.model.tagging import DefinitionUpdate, TagDefinition, TagDefinitionSpec, TagRequest
from sensorium.model.usage import ANY_WORKSPACE, UsagePeriod, UsageQuery, UsageRecord
from sensorium.model.vector import DType, Metric

DEFAULT_ADDRESS = "127.0.0.1:50051"
ADDRESS_VARIABLE = "SENSORIUM_ADDRESS"
API_KEY_VARIABLE = "SENSORIUM_API_KEY"
TLS_CA_VARIABLE = "SENSORIUM_TLS_CA"
PAGE_SIZE = 1000
BATCH_ITEMS = 256
BATCH_SEARCHES = 100
NO_TAGS = TagFilter()

Connect = Callable[[Endpoint], AbstractAsyncContextManager[Backends]]


class AsyncClient(JobMethods):
    """Calls a mesh: `async with AsyncClient() as mesh: await mesh.embed(["a red bicycle"])`.

    Every method raises `sensorium.errors`: NotFound for an unknown model or collection, InvalidArgument for a request
    that cannot succeed, Unavailable when nobody answers, DeadlineExceeded when time is up. Safe to share between tasks.

    Args:
        address: `host:port`, or several as `ipv4:host:port,host:port`; without it the variable SENSORIUM_ADDRESS
            counts, and without that `127.0.0.1:50051`.
        api_key: The key to show with every call; without it the variable SENSORIUM_API_KEY counts.
        tls_ca: The file (PEM) of the roots to trust; calls then go over TLS. Without it the variable
            SENSORIUM_TLS_CA counts, and without that there is no TLS.
        timeout: Seconds for each call to the server; long work takes several calls.
        workspace: The workspace of every model and collection that is named by its id.
        retries: How often a call is repeated when the server is full for now.
        connect: Opens the connection; for tests.
    """

    def __init__(
        self,
        address: str | None = None,
        *,
        api_key: str | None = None,
        tls_ca: str | Path | None = None,
        timeout: float = 30.0,
        workspace: str = DEFAULT_WORKSPACE,
        retries: int = 5,
        connect: Connect = connect,
    ) -> None:
        roots = tls_ca or os.environ.get(TLS_CA_VARIABLE)
        self._endpoint = Endpoint(
            address or os.environ.get(ADDRESS_VARIABLE) or DEFAULT_ADDRESS,
            api_key or os.environ.get(API_KEY_VARIABLE),
            Path(roots) if roots else None,
        )
        self._workspace = check_id(workspace, "workspace")
        self._timeout = timeout
        self._retries = retries
        self._call = Caller(timeout, retries)
        self._connect = connect
        self._resources = AsyncExitStack()
        self._opened: Backends | None = None
        self.datasets = AsyncDatasets(lambda: self._backends.datasets, self._call, self._workspace)

    async def __aenter__(self) -> Self:
        self._opened = await self._resources.enter_async_context(self._connect(self._endpoint))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened = None
        await self._resources.aclose()

    # --- Usage ------------------------------------------------------------------------------------------------------

    def usage(
        self,
        *,
        key: str | None = None,
        model: str = "",
        start: datetime | None = None,
        end: datetime | None = None,
        period: UsagePeriod | str = UsagePeriod.WHOLE,
        all_workspaces: bool = False,
    ) -> AsyncIterator[UsageRecord]:
        """Yield what was consumed in hours from `start` to `end`, by time, workspace, key and model.

        Args:
            key: The id of the only key that counts; None for all, empty for callers who showed none.
            model: The only model that counts; empty for all.
            start: The first hour; None for all.
            end: The hour before which it ends; None for all.
            period: Whether it is added up by `hour`, by `day` or over the whole time.
            all_workspaces: Whether the usage of every workspace counts.

        Raises:
            PermissionDenied: The key is no admin's, or not for that workspace.
        """
        workspace = ANY_WORKSPACE if all_workspaces else self._workspace
        query = UsageQuery(workspace, key, model, start, end, UsagePeriod(period))

        async def page(token: str) -> Page[UsageRecord]:
            return await self._call(lambda: self._backends.usage.list_usage(query, PAGE_SIZE, token))

        return each_of(page)

    # --- Embedding --------------------------------------------------------------------------------------------------

    async def models(self) -> Sequence[ModelInfo]:
        """Return the models that can be called, by name."""
        return await self._call(self._backends.embedder.models)

    async def model(self, name: str = "") -> ModelInfo:
        """Return one model; an empty name means the server's default."""
        return await self._call(lambda: self._backends.embedder.model(name))

    async def embed(
        self,
        contents: Given | Iterable[Given],
        *,
        model: str = "",
        role: EmbedRole | str | None = None,
        instruction: str = "",
        outputs: tuple[OutputKind, ...] = (OutputKind.DENSE,),
        dimension: int = 0,
        dtype: DType | str = DType.FLOAT32,
        truncation: Truncation | str = Truncation.END,
        fusion: Fusion | str | None = None,
        priority: Priority = Priority.INTERACTIVE,
        batch_size: int = BATCH_ITEMS,
    ) -> Embeddings:
        """Return an embedding or an error for each content, in order.

        Args:
            contents: One text, `image`, `audio` or `Content` of several parts, or several of these; many are sent in
                batches.
            model: The model's id; empty means the server's default.
            role: Whether the contents are `query` or `document`, for models that tell.
            instruction: What the search is for, for models that follow instructions.
            outputs: The kinds of vectors to return.
            dimension: A smaller dimension that the model was trained for; 0 means its own.
            dtype: How components travel: `float32`, `float16`, `int8` or `binary`; `vectors` is float32 in any case.
            truncation: What happens to what is too long: `end` cuts it, `refuse` refuses it.
            fusion: How several parts become one vector: `average` or `joint`; None leaves it to the model.
            priority: The lane that the calls wait in.
            batch_size: The most contents of one call.
        """
        options = EmbedOptions(
            EmbedRole(role) if role else None,
            instruction,
            outputs,
            dimension,
            DType(dtype),
            Truncation(truncation),
            Fusion(fusion) if fusion else None,
        )
        cut = list(batches(as_contents(contents), batch_size, content_bytes)) or [[]]
        responses = []
        for batch in cut:
            request = EmbedRequest(tuple(batch), model, options, priority, self._workspace)
            responses.append(await self._call(partial(self._backends.embedder.embed, request)))
        return Embeddings.joined(responses)

    # --- Collections ------------------------------------------------------------------------------------------------

    async def create_collection(
        self,
        collection: str,
        *,
        model: str = "",
        description: str = "",
        dimension: int = 0,
        metric: Metric | str | None = None,
        attributes: Sequence[AttributeField] = (),
    ) -> Collection:
        """Create a collection.

        Args:
            collection: Its id: a lower-case letter, then up to 62 of `a-z`, `0-9`, `-`, `_`.
            model: The model whose vectors it holds; without one, give a dimension and bring vectors of your own.
            description: What it is for.
            dimension: The dimension of its vectors; 0 means the model's own.
            metric: How vectors are compared: `cosine`, `dot` or `euclidean`; None means the model's own.
            attributes: The attributes that filters may use.

        Raises:
            AlreadyExists: There is one of that name.
        """
        spec = CollectionSpec(description, model, "", dimension, Metric(metric) if metric else None, tuple(attributes))
        return await self._call(lambda: self._backends.searcher.create_collection(self._name(collection), spec))

    async def get_collection(self, collection: str) -> Collection:
        """Return one collection."""
        return await self._call(lambda: self._backends.searcher.get_collection(self._name(collection)))

    async def collections(self) -> AsyncIterator[Collection]:
        """Yield the workspace's collections, by id."""
        token = ""
        while True:
            page = await self._call(
                partial(self._backends.searcher.list_collections, self._workspace, PAGE_SIZE, token)
            )
            for collection in page.items:
                yield collection
            token = page.next_page_token
            if not token:
                return

    async def update_collection(
        self,
        collection: str,
        *,
        description: str | None = None,
        attributes: Sequence[AttributeField] = (),
        etag: str = "",
    ) -> Collection:
        """Change a collection; what is None or empty stays as it is.

        Args:
            collection: The collection's id.
            description: What it is for.
            attributes: The attributes that filters may use from now on, besides those that they may already.
            etag: Change it only if this is still its etag.

        Raises:
            Aborted: The etag is that of an earlier state.
            InvalidArgument: ATTRIBUTE_TYPE_MISMATCH: a document has a value of another type.
        """
        changed = {CollectionField.DESCRIPTION: description is not None, CollectionField.ATTRIBUTES: bool(attributes)}
        fields = tuple(field for field, given in changed.items() if given)
        update = CollectionUpdate(
            self._name(collection), fields, description or "", tuple(attributes), etag, uuid.uuid4().hex
        )
        return await self._call(lambda: self._backends.searcher.update_collection(update))

    async def delete_collection(self, collection: str, *, force: bool = False) -> None:
        """Delete a collection; one that holds documents needs `force`."""
        await self._call(lambda: self._backends.searcher.delete_collection(self._name(collection), force=force))

    # --- Aliases ----------------------------------------------------------------------------------------------------

    async def set_alias(self, alias: str, collection: str) -> Alias:
        """Point an alias at a collection for all calls that begin later; make the alias when there is none.

        Its id will do wherever a collection's does.

        Raises:
            AlreadyExists: A collection has this id.
        """
        name, target = self._alias(alias), self._name(collection)
        return await self._call(lambda: self._backends.searcher.set_alias(name, target))

    async def get_alias(self, alias: str) -> Alias:
        """Return one alias. Raises NotFound."""
        return await self._call(lambda: self._backends.searcher.get_alias(self._alias(alias)))

    def aliases(self) -> AsyncIterator[Alias]:
        """Yield the workspace's aliases, by id."""

        async def page(token: str) -> Page[Alias]:
            return await self._call(lambda: self._backends.searcher.list_aliases(self._workspace, PAGE_SIZE, token))

        return each_of(page)

    async def delete_alias(self, alias: str) -> None:
        """Delete an alias; the collection stays. Raises NotFound."""
        await self._call(lambda: self._backends.searcher.delete_alias(self._alias(alias)))

    # --- Documents --------------------------------------------------------------------------------------------------

    async def upsert(
        self,
        collection: str,
        documents: Iterable[Document],
        *,
        priority: Priority = Priority.BULK,
        batch_size: int = BATCH_ITEMS,
        on_batch: Callable[[UpsertReport], None] | None = None,
    ) -> UpsertReport:
        """Create or replace documents; those that the report does not name as errors are durable.

        Args:
            collection: The collection's id.
            documents: Any number of documents; they are read as they are sent, in batches, one batch at a time.
            priority: The lane that embedding waits in.
            batch_size: The most documents of one call.
            on_batch: Called with the outcome of each batch.

        Raises:
            SensoriumError: A whole batch failed; the batches before it are written.
        """
        name = self._name(collection)
        reports = []
        start = 0
        for batch in batches(documents, batch_size, Document.size_bytes):
            report = await self._call(partial(write_batch, self._backends.searcher, name, batch, start, priority))
            start += len(batch)
            reports.append(report)
            if on_batch:
                on_batch(report)
        return UpsertReport.joined(reports)

    async def upsert_bulk(
        self,
        collection: str,
        documents: Iterable[Document],
        *,
        priority: Priority = Priority.BULK,
        batch_size: int = BATCH_ITEMS,
        on_batch: Callable[[UpsertReport], None] | None = None,
    ) -> UpsertReport:
        """Create or replace any number of documents by one stream, several batches under way at once, in order.

        When the stream breaks it is opened again, and goes on with the first batch that was not answered. The
        arguments are those of `upsert`; `on_batch` is called with each batch as soon as it is durable. A client's
        `timeout` counts from one answer to the next.

        Raises:
            SensoriumError: A whole batch failed, or no answer came; the batches that were reported are written.
        """
        reports: list[UpsertReport] = []

        def note(report: UpsertReport) -> None:
            reports.append(report)
            if on_batch:
                on_batch(report)

        writer = BulkWriter(
            self._backends.searcher,
            self._name(collection),
            batches(documents, batch_size, Document.size_bytes),
            note,
            priority=priority,
            timeout=self._timeout,
            retries=self._retries,
        )
        await writer.write()
        return UpsertReport.joined(reports)

    async def change(
        self,
        collection: str,
        documents: Iterable[Document],
        *,
        tags: bool = True,
        attributes: bool | Sequence[str] = True,
        batch_size: int = BATCH_ITEMS,
    ) -> UpsertReport:
        """Change tags and attributes of documents; their vectors stay, and nothing is embedded.

        Args:
            collection: The collection's id.
            documents: Any number of documents with their new tags and attributes; texts and vectors are not looked at.
            tags: Whether their tags change.
            attributes: Whether all their attributes change, or the names of those that do; one that a document here
                does not have is removed.
            batch_size: The most documents of one call.
        """
        names = () if isinstance(attributes, bool) else tuple(attributes)
        name, mask = self._name(collection), DocumentMask(tags, attributes is True, names)
        reports: list[UpsertReport] = []
        start = 0
        for batch in batches(documents, batch_size, Document.size_bytes):
            reports.append(await self._call(partial(change_batch, self._backends.searcher, name, batch, start, mask)))
            start += len(batch)
        return UpsertReport.joined(reports)

    async def get(self, collection: str, document_id: str, *, with_vector: bool = False) -> Document:
        """Return one document. Raises NotFound."""
        (result,) = await self.get_many(collection, [document_id], with_vectors=with_vector)
        if isinstance(result, SensoriumError):
            raise result
        return result

    async def get_many(
        self, collection: str, ids: Sequence[str], *, with_vectors: bool = False
    ) -> Sequence[Document | SensoriumError]:
        """Return a document or NotFound for each id, in order; at most 1,000."""
        view = DocumentView(embedding=with_vectors)
        found = await self._call(lambda: self._backends.searcher.get_documents(self._name(collection), ids, view))
        return [Document.from_stored(each) if isinstance(each, StoredDocument) else each for each in found]

    async def documents(
        self, collection: str, *, filter: str = "", tags: TagFilter = NO_TAGS, with_vectors: bool = False
    ) -> AsyncIterator[Document]:
        """Yield the documents of a collection, or those that satisfy a filter and a condition on tags, by id."""
        name, view, token = self._name(collection), DocumentView(embedding=with_vectors), ""
        chosen = Selection(filter, tags)
        while True:
            page = await self._call(
                partial(self._backends.searcher.list_documents, name, PAGE_SIZE, token, view, chosen)
            )
            for document in page.items:
                yield Document.from_stored(document)
            token = page.next_page_token
            if not token:
                return

    async def count(self, collection: str, *, filter: str = "", tags: TagFilter = NO_TAGS) -> int:
        """Return the number of documents, or of those that satisfy a filter and a condition on tags."""
        chosen = Selection(filter, tags)
        return await self._call(lambda: self._backends.searcher.count_documents(self._name(collection), chosen))

    async def delete(self, collection: str, ids: Sequence[str]) -> int:
        """Delete documents; return how many existed."""
        return await self._call(lambda: self._backends.searcher.delete_documents(self._name(collection), ids))

    async def delete_selected(self, collection: str, *, filter: str = "", tags: TagFilter = NO_TAGS) -> int:
        """Delete the documents that satisfy a filter and a condition on tags, one of which is given; return how many.

        A million may take longer than one call has; a repeat goes on with the rest.
        """
        chosen = Selection(filter, tags)
        return await self._call(lambda: self._backends.searcher.delete_selected(self._name(collection), chosen))

    # --- Search -----------------------------------------------------------------------------------------------------

    async def search(self, collection: str, query: Query, **options: Unpack[SearchOptions]) -> Hits:
        """Return the documents nearest to a query, nearest first: always min(top_k, matches) of them.

        Args:
            collection: The collection's id.
            query: Words, an `image`, an `audio`, a vector (numpy, shape [dimension]), a `Content`, a
                `DocumentReference`, a `QueryPart` with a weight, or a list of these, whose unit vectors are summed by
                weight.
            options: Filter, tags, facets, groups and more: see `SearchOptions`.

        Raises:
            InvalidArgument: FILTER_INVALID, with the column at fault in `metadata["column"]`.
        """
        request = search_request(self._name(collection), query, options)
        return Hits.from_response(await self._call(lambda: self._backends.searcher.search(request)))

    async def search_many(
        self, collection: str, queries: Sequence[Query], **options: Unpack[SearchOptions]
    ) -> list[Hits | SensoriumError]:
        """Return what each query finds, or why it failed, in order; the options are those of `search`."""
        requests = [search_request(self._name(collection), query, options) for query in queries]
        found: list[SearchResponse | SensoriumError] = []
        for start in range(0, len(requests), BATCH_SEARCHES):
            batch = requests[start : start + BATCH_SEARCHES]
            found += await self._call(partial(self._backends.searcher.batch_search, batch))
        return [each if isinstance(each, SensoriumError) else Hits.from_response(each) for each in found]

    async def explain(self, collection: str, query: Query, **options: Unpack[SearchOptions]) -> SearchPlan:
        """Return how a search would run: its filter as it was understood, its steps, how many documents match."""
        request = search_request(self._name(collection), query, options)
        return await self._call(lambda: self._backends.searcher.explain(request))

    # --- Tagging ----------------------------------------------------------------------------------------------------

    async def create_tag_definition(
        self,
        definition: str,
        tags: Tags,
        *,
        display_name: str = "",
        guide_prompt: str = "",
        model: str = "",
        threshold: float | None = None,
        max_tag_count: int = 0,
        request_id: str = "",
    ) -> TagDefinition:
        """Create a tag definition as version 1.

        Args:
            definition: Its id: a lower-case letter, then up to 62 of `a-z`, `0-9`, `-`, `_`.
            tags: Descriptions by tag, or tags as names or `TagSpec`s.
            display_name: What people call it.
            guide_prompt: What the tagger should know, for models that follow instructions.
            model: The model that assigns the tags; empty means the server's default.
            threshold: The least score of an assigned tag, 0 to 1; None means that of the model.
            max_tag_count: The most tags of one content; 0 means no limit.
            request_id: A UUID that makes a repeat harmless.

        Raises:
            AlreadyExists: There is one of that name.
        """
        spec = TagDefinitionSpec(tag_specs(tags), display_name, guide_prompt, model, threshold, max_tag_count)
        name = definition_name(definition, self._workspace)
        return await self._call(lambda: self._backends.tagger.create_definition(name, spec, request_id=request_id))

    async def get_tag_definition(self, definition: str, *, version: int = 0) -> TagDefinition:
        """Return one version of a tag definition; 0 means the latest."""
        name = definition_name(definition, self._workspace)
        return await self._call(lambda: self._backends.tagger.get_definition(name, version))

    def tag_definitions(self) -> AsyncIterator[TagDefinition]:
        """Yield the workspace's tag definitions in their latest version, by id."""

        async def page(token: str) -> Page[TagDefinition]:
            return await self._call(lambda: self._backends.tagger.list_definitions(self._workspace, PAGE_SIZE, token))

        return each_of(page)

    def tag_definition_versions(self, definition: str) -> AsyncIterator[TagDefinition]:
        """Yield the versions of a tag definition, latest first."""
        name = definition_name(definition, self._workspace)

        async def page(token: str) -> Page[TagDefinition]:
            return await self._call(lambda: self._backends.tagger.list_definition_versions(name, PAGE_SIZE, token))

        return each_of(page)

    async def update_tag_definition(
        self,
        definition: str,
        *,
        tags: Tags | None = None,
        display_name: str | None = None,
        guide_prompt: str | None = None,
        model: str | None = None,
        threshold: float | None = None,
        max_tag_count: int | None = None,
        etag: str = "",
        request_id: str = "",
    ) -> TagDefinition:
        """Make a new version of a tag definition; what is None stays as it is.

        Raises:
            Aborted: `etag` is set, and the definition changed since it was read.
        """
        change = DefinitionChange(
            None if tags is None else tag_specs(tags), display_name, guide_prompt, model, threshold, max_tag_count
        )
        name = definition_name(definition, self._workspace)
        update = DefinitionUpdate(name, change.spec(), change.fields(), etag, request_id)
        return await self._call(lambda: self._backends.tagger.update_definition(update))

    async def delete_tag_definition(self, definition: str) -> None:
        """Delete a tag definition and its versions."""
        name = definition_name(definition, self._workspace)
        await self._call(lambda: self._backends.tagger.delete_definition(name))

    async def tag(
        self,
        definition: str | TagDefinitionSpec,
        contents: Given | Iterable[Given],
        *,
        version: int = 0,
        candidates: int = 0,
        priority: Priority = Priority.INTERACTIVE,
        batch_size: int = BATCH_ITEMS,
    ) -> Tagged:
        """Return the tags or an error for each content, in order.

        Args:
            definition: A definition's id, or one for this call alone.
            contents: One text or content, or several; many are sent in batches.
            version: The version of the definition; 0 means the latest.
            candidates: The most tags below their threshold to return too.
            priority: The lane that the calls wait in.
            batch_size: The most contents of one call, at most 256.
        """
        named = definition_name(definition, self._workspace) if isinstance(definition, str) else definition
        workspace = named.workspace if isinstance(named, TagDefinitionName) else self._workspace
        responses = []
        for batch in list(batches(as_contents(contents), batch_size, content_bytes)) or [[]]:
            request = TagRequest(named, tuple(batch), version, candidates, priority, workspace)
            responses.append(await self._call(partial(self._backends.tagger.tag, request)))
            version = responses[0].version  # An update meanwhile must not mix versions.
        return Tagged.joined(responses)

    @property
    def _backends(self) -> Backends:
        if self._opened is None:
            raise RuntimeError("the client is not open: use it in a `with` block")
        return self._opened

    def _name(self, collection: str) -> CollectionName:
        """Read a collection's id, or its name when it holds a slash."""
        if "/" in collection:
            return CollectionName.parse(collection, "collection")
        return CollectionName(self._workspace, check_id(collection, "collection"))

    def _alias(self, alias: str) -> AliasName:
        """Read an alias's id, or its name when it holds a slash."""
        if "/" in alias:
            return AliasName.parse(alias, "alias")
        return AliasName(self._workspace, check_id(alias, "alias"))
