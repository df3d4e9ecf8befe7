"""Searches and writes on the wire: the requests of SearchService and what comes of them."""

from collections.abc import Callable, Sequence

from sensorium.errors import InvalidArgument, Reason, SensoriumError
from sensorium.model.content import Content
from sensorium.model.document import Document
from sensorium.model.embedding import Priority
from sensorium.model.names import CollectionName
from sensorium.model.search import (
    DocumentReference,
    Facet,
    FacetRequest,
    GroupBy,
    Hit,
    HitGroup,
    QueryPart,
    SearchPlan,
    SearchRequest,
    SearchResponse,
    TagFilter,
    UpsertRequest,
    UpsertResponse,
)
from sensorium.model.vector import SparseVector, Vector
from sensorium.rpc.codec.attribute import attribute_from_proto, attribute_to_proto
from sensorium.rpc.codec.content import content_from_proto, content_to_proto
from sensorium.rpc.codec.document import (
    document_from_proto,
    document_to_proto,
    view_from_proto,
    view_to_proto,
)
from sensorium.rpc.codec.enums import PRIORITY
from sensorium.rpc.codec.usage import timings_from_proto, timings_to_proto, usage_from_proto, usage_to_proto
from sensorium.rpc.codec.vector import sparse_from_proto, sparse_to_proto, vector_from_proto, vector_to_proto
from sensorium.rpc.status import from_status, to_status
from sensorium.v1 import search_service_pb2 as pb

Faults = dict[int, SensoriumError]


def collection_from_parent(parent: str) -> CollectionName:
    """Return the collection or alias that `parent` names.

    Raises:
        InvalidArgument: NAME_INVALID.
    """
    return CollectionName.parse(parent, "parent")


def tags_from_proto(tags: pb.TagFilter) -> TagFilter:
    """Return the condition that the message holds."""
    return TagFilter(tuple(tags.any), tuple(tags.all), tuple(tags.none))


def tags_to_proto(tags: TagFilter) -> pb.TagFilter:
    """Return the message for a condition on tags. Raises InvalidArgument for text that is not Unicode."""
    try:
        return pb.TagFilter(any=tags.any, all=tags.all, none=tags.none)
    except (UnicodeEncodeError, ValueError) as error:
        raise InvalidArgument(f"tags: {error}", field="tags") from error


def filter_to_proto(text: str) -> str:
    """Return a filter as a message can hold it. Raises InvalidArgument, FILTER_INVALID, for what is not Unicode."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        column = error.start + 1
        raise InvalidArgument(
            f"filter, column {column}: this character is not text",
            reason=Reason.FILTER_INVALID,
            field="filter",
            metadata={"column": str(column)},
        ) from error
    return text


def upsert_from_proto(
    request: pb.UpsertDocumentsRequest, unspecified: Priority = Priority.INTERACTIVE
) -> tuple[UpsertRequest, Faults]:
    """Return the request, and by place what is wrong with the documents that cannot be read.

    A request that names no priority gets `unspecified`. In the stead of such documents the request has some without an
    id, which are refused, so that the others keep their places.

    Raises:
        InvalidArgument: The request itself is wrong.
    """
    collection = collection_from_parent(request.parent)
    documents: list[Document] = []
    faults: Faults = {}
    for index, document in enumerate(request.documents):
        try:
            documents.append(document_from_proto(document, collection, f"documents[{index}]"))
        except InvalidArgument as error:
            faults[index] = error
            documents.append(Document(""))
    upsert = UpsertRequest(
        collection=collection,
        documents=tuple(documents),
        model=request.model,
        model_revision=request.model_revision,
        priority=PRIORITY.from_proto(request.priority, "priority") if request.priority else unspecified,
    )
    return upsert, faults


def upsert_to_proto(request: UpsertRequest) -> tuple[pb.UpsertDocumentsRequest, Faults]:
    """Return the message, and by place what is wrong with the documents that it cannot hold (empty ones there)."""
    faults: Faults = {}
    message = pb.UpsertDocumentsRequest(
        parent=str(request.collection),
        model=request.model,
        model_revision=request.model_revision,
        priority=PRIORITY.to_proto(request.priority),
    )
    for index, document in enumerate(request.documents):
        try:
            message.documents.append(document_to_proto(document, request.collection, f"documents[{index}]"))
        except InvalidArgument as error:
            faults[index] = error
            message.documents.add()
    return message, faults


def upserted_from_proto(response: pb.UpsertDocumentsResponse, faults: Faults) -> UpsertResponse:
    """Return the response; `faults` say what was wrong before it was sent."""
    outcomes = [from_status(status) if status.code else None for status in response.statuses]
    return UpsertResponse(
        outcomes=tuple(faults.get(index, outcome) for index, outcome in enumerate(outcomes)),
        usage=usage_from_proto(response.usage),
        timings=timings_from_proto(response.timings),
    )


def upserted_to_proto(response: UpsertResponse, faults: Faults) -> pb.UpsertDocumentsResponse:
    """Return the message; `faults` say which documents could not be read."""
    outcomes = [faults.get(index, outcome) for index, outcome in enumerate(response.outcomes)]
    message = pb.UpsertDocumentsResponse(
        written_count=outcomes.count(None),
        usage=usage_to_proto(response.usage),
        timings=timings_to_proto(response.timings),
    )
    for outcome in outcomes:
        if outcome is None:
            message.statuses.add()
        else:
            message.statuses.append(to_status(outcome))
    return message


def request_from_proto(request: pb.SearchRequest) -> SearchRequest:
    """Return the search. Raises InvalidArgument for a name or a part that cannot be read."""
    collection = collection_from_parent(request.parent)
    return SearchRequest(
        collection=collection,
        query=tuple(
            query_part_from_proto(part, collection.document_id, f"query[{index}]")
            for index, part in enumerate(request.query)
        ),
        filter=request.filter,
        tags=tags_from_proto(request.tags),
        top_k=request.top_k,
        score_threshold=request.score_threshold if request.HasField("score_threshold") else None,
        page_size=request.page_size,
        page_token=request.page_token,
        facets=tuple(FacetRequest(each.field, each.limit) for each in request.facets),
        group_by=GroupBy(request.group_by.field, request.group_by.group_size) if request.HasField("group_by") else None,
        view=view_from_proto(request.view),
        instruction=request.instruction,
        model=request.model,
        model_revision=request.model_revision,
    )


def request_to_proto(request: SearchRequest) -> pb.SearchRequest:
    """Return the message for a search. Raises InvalidArgument for what a message cannot hold."""
    try:
        return pb.SearchRequest(
            parent=str(request.collection),
            query=[query_part_to_proto(part, request.collection.document) for part in request.query],
            filter=filter_to_proto(request.filter),
            tags=tags_to_proto(request.tags),
            top_k=request.top_k,
            score_threshold=request.score_threshold,
            page_size=request.page_size,
            page_token=request.page_token,
            facets=[pb.FacetRequest(field=each.field, limit=each.limit) for each in request.facets],
            group_by=_group_to_proto(request.group_by) if request.group_by else None,
            view=view_to_proto(request.view),
            instruction=request.instruction,
            model=request.model,
            model_revision=request.model_revision,
        )
    except (UnicodeEncodeError, ValueError) as error:
        raise InvalidArgument(f"the search cannot be sent: {error}") from error


def searches_from_proto(requests: Sequence[pb.SearchRequest]) -> tuple[dict[int, SearchRequest], Faults]:
    """Return by place the searches, and what is wrong with those that cannot be read."""
    searches: dict[int, SearchRequest] = {}
    faults: Faults = {}
    for index, request in enumerate(requests):
        try:
            searches[index] = request_from_proto(request)
        except InvalidArgument as error:
            faults[index] = error
    return searches, faults


def searches_to_proto(requests: Sequence[SearchRequest]) -> tuple[dict[int, pb.SearchRequest], Faults]:
    """Return by place the messages, and what is wrong with the searches that a message cannot hold."""
    messages: dict[int, pb.SearchRequest] = {}
    faults: Faults = {}
    for index, request in enumerate(requests):
        try:
            messages[index] = request_to_proto(request)
        except InvalidArgument as error:
            faults[index] = error
    return messages, faults


def found_from_proto(result: pb.SearchResult, collection: CollectionName) -> SearchResponse | SensoriumError:
    """Return what came of one search of a batch."""
    if result.WhichOneof("outcome") == "response":
        return response_from_proto(result.response, collection)
    return from_status(result.error)


def found_to_proto(result: SearchResponse | SensoriumError, collection: CollectionName) -> pb.SearchResult:
    """Return the message for what came of one search of a batch."""
    match result:
        case SensoriumError() as error:
            return pb.SearchResult(error=to_status(error))
        case response:
            return pb.SearchResult(response=response_to_proto(response, collection))


def plan_from_proto(plan: pb.ExplainSearchResponse) -> SearchPlan:
    """Return the plan."""
    return SearchPlan(plan.canonical_filter, tuple(plan.steps), plan.match_count)


def plan_to_proto(plan: SearchPlan) -> pb.ExplainSearchResponse:
    """Return the message for a plan."""
    return pb.ExplainSearchResponse(
        canonical_filter=plan.canonical_filter, steps=plan.steps, match_count=plan.match_count
    )


def response_from_proto(response: pb.SearchResponse, collection: CollectionName) -> SearchResponse:
    """Return the hits or groups of one page."""
    return SearchResponse(
        hits=tuple(_hit_from_proto(hit, collection, f"hits[{index}]") for index, hit in enumerate(response.hits)),
        groups=tuple(
            _hits_from_proto(group, collection, f"groups[{index}]") for index, group in enumerate(response.groups)
        ),
        facets=tuple(facet_from_proto(facet, f"facets[{index}]") for index, facet in enumerate(response.facets)),
        next_page_token=response.next_page_token,
        usage=usage_from_proto(response.usage),
        timings=timings_from_proto(response.timings),
    )


def response_to_proto(response: SearchResponse, collection: CollectionName) -> pb.SearchResponse:
    """Return the message for one page."""
    return pb.SearchResponse(
        hits=[_hit_to_proto(hit, collection) for hit in response.hits],
        groups=[
            pb.HitGroup(
                value=None if group.value is None else attribute_to_proto(group.value),
                hits=[_hit_to_proto(hit, collection) for hit in group.hits],
            )
            for group in response.groups
        ],
        facets=map(facet_to_proto, response.facets),
        next_page_token=response.next_page_token,
        usage=usage_to_proto(response.usage),
        timings=timings_to_proto(response.timings),
    )


def query_part_from_proto(part: pb.QueryPart, document_id: Callable[[str, str], str], field: str) -> QueryPart:
    """Return the part at `field`; `document_id` reads the name of a document. Raises InvalidArgument."""
    weight = part.weight if part.HasField("weight") else 1.0
    match part.WhichOneof("kind"):
        case "vector":
            return QueryPart(vector_from_proto(part.vector, f"{field}.vector"), weight)
        case "sparse":
            return QueryPart(sparse_from_proto(part.sparse, f"{field}.sparse"), weight)
        case "content":
            return QueryPart(content_from_proto(part.content), weight)
        case "document":
            return QueryPart(DocumentReference(document_id(part.document, f"{field}.document")), weight)
        case _:
            raise InvalidArgument(f"{field}: a part must hold something to look for", field=field)


def query_part_to_proto(part: QueryPart, document: Callable[[str], str]) -> pb.QueryPart:
    """Return the message for a part; `document` returns the name of a document by its id."""
    weight = None if part.weight == 1.0 else part.weight
    match part.target:
        case Vector() as vector:
            return pb.QueryPart(vector=vector_to_proto(vector), weight=weight)
        case SparseVector() as sparse:
            return pb.QueryPart(sparse=sparse_to_proto(sparse), weight=weight)
        case Content() as content:
            return pb.QueryPart(content=content_to_proto(content), weight=weight)
        case DocumentReference(id=document_id):
            return pb.QueryPart(document=document(document_id), weight=weight)


def _hit_from_proto(hit: pb.Hit, collection: CollectionName, field: str) -> Hit:
    return Hit(document_from_proto(hit.document, collection, f"{field}.document"), hit.score, hit.rank)


def _hit_to_proto(hit: Hit, collection: CollectionName) -> pb.Hit:
    return pb.Hit(document=document_to_proto(hit.document, collection, "document"), score=hit.score, rank=hit.rank)


def _hits_from_proto(group: pb.HitGroup, collection: CollectionName, field: str) -> HitGroup:
    value = attribute_from_proto(group.value, f"{field}.value") if group.HasField("value") else None
    hits = tuple(_hit_from_proto(hit, collection, f"{field}.hits[{index}]") for index, hit in enumerate(group.hits))
    return HitGroup(value, hits)


def facet_to_proto(facet: Facet) -> pb.Facet:
    """Return the message for the counts of one field."""
    counts = [pb.FacetCount(value=attribute_to_proto(value), count=n) for value, n in facet.counts]
    return pb.Facet(field=facet.field, counts=counts, value_count=facet.value_count)


def facet_from_proto(facet: pb.Facet, field: str) -> Facet:
    """Return the counts at `field`."""
    counts = tuple(
        (attribute_from_proto(each.value, f"{field}.counts[{index}].value"), each.count)
        for index, each in enumerate(facet.counts)
    )
    return Facet(facet.field, counts, facet.value_count)


def _group_to_proto(group_by: GroupBy) -> pb.GroupBy:
    return pb.GroupBy(field=group_by.field, group_size=group_by.group_size)
