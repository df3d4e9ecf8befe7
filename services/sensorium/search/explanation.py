"""Says in words how a search would run, by the decisions that the search itself takes."""

from sqlalchemy import Connection

from sensorium.filters.printer import canonical
from sensorium.filters.tree import EVERYTHING, Filter
from sensorium.model.content import Content
from sensorium.model.search import SearchPlan, SearchRequest
from sensorium.search import matches, planner
from sensorium.search.collections import StoredCollection, by_key
from sensorium.search.facets import declared
from sensorium.search.groups import group_field
from sensorium.search.index import VectorIndex
from sensorium.search.planner import FEW, NEIGHBOURS, Plan, Way


def explain(
    connection: Connection, stored: StoredCollection, index: VectorIndex | None, request: SearchRequest, part: Filter
) -> SearchPlan:
    """Return the plan of `request`, whose filter is `part`.

    Raises:
        InvalidArgument: A facet or a group names no declared attribute.
    """
    chosen = planner.plan(index, part, request.top_k)
    current = by_key(connection, stored.key)
    steps = [*_looking(request), *_finding(chosen, part, request.top_k), *_after(request, stored)]
    return SearchPlan(canonical(part), tuple(steps), matches.count(connection, current, part))


def _looking(request: SearchRequest) -> list[str]:
    contents = sum(isinstance(part.target, Content) for part in request.query)
    return [f"embed the {contents} contents of the query"] if contents else []


def _finding(chosen: Plan, part: Filter, top_k: int) -> list[str]:
    match chosen.way:
        case Way.FEW:
            return [
                f"ask the index for up to {max(FEW, top_k) + 1} matching documents: it has {len(chosen.keys)}",
                "score each of them by its stored vector",
            ]
        case Way.SCAN:
            return [f"score every matching document by its stored vector: {chosen.because}"]
        case Way.INDEX if part == EVERYTHING:
            return [f"ask the index for the {top_k} nearest documents"]
        case _:
            return [
                f"ask the index for up to {max(FEW, top_k) + 1} matching documents: it has more than {max(FEW, top_k)}",
                f"take the {top_k} nearest that match from the {NEIGHBOURS * top_k} nearest of all, in a large index",
                f"if they are fewer, ask the index for the {top_k} nearest documents that match",
                "score every matching document by its stored vector if they are fewer",
            ]


def _after(request: SearchRequest, stored: StoredCollection) -> list[str]:
    steps = []
    if request.group_by:
        field = group_field(request.group_by, stored.collection)
        steps.append(f"group by {field.name}, {request.group_by.group_size or 1} of each group")
    if request.score_threshold is not None:
        steps.append(f"leave out what scores less than {request.score_threshold:g}")
    for place, facet in enumerate(request.facets):
        field = declared(facet.field, stored.collection, f"facets[{place}].field", tags=True)
        steps.append(f"count the values of {field.name} over everything that matches")
    return steps
