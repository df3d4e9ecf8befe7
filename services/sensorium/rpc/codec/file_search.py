"""Searches in dataset versions on the wire, and what comes of them."""

from sensorium.model.dataset_names import VersionName
from sensorium.model.file_search import FileHit, FileSearchRequest, FileSearchResponse, NearDuplicateGroup
from sensorium.model.search import FacetRequest
from sensorium.rpc.codec.dataset import holdable
from sensorium.rpc.codec.dataset_file import (
    file_from_proto,
    file_to_proto,
    selection_from_proto,
    selection_to_proto,
)
from sensorium.rpc.codec.search import facet_from_proto, facet_to_proto, query_part_from_proto, query_part_to_proto
from sensorium.rpc.codec.usage import timings_from_proto, timings_to_proto, usage_from_proto, usage_to_proto
from sensorium.v1 import dataset_service_pb2 as pb
from sensorium.v1 import search_service_pb2


def search_from_proto(request: pb.SearchFilesRequest) -> FileSearchRequest:
    """Return the search. Raises InvalidArgument for a name or a part that cannot be read."""
    version = VersionName.parse(request.parent, "parent")
    return FileSearchRequest(
        version,
        tuple(
            query_part_from_proto(part, version.file_id, f"query[{place}]") for place, part in enumerate(request.query)
        ),
        selection_from_proto(request.selection, version, "selection"),
        request.top_k,
        request.score_threshold if request.HasField("score_threshold") else None,
        request.page_size,
        request.page_token,
        tuple(FacetRequest(each.field, each.limit) for each in request.facets),
    )


def search_to_proto(request: FileSearchRequest) -> pb.SearchFilesRequest:
    """Return the message for a search. Raises InvalidArgument for what a message cannot hold."""
    with holdable("request"):
        return pb.SearchFilesRequest(
            parent=str(request.version),
            query=[query_part_to_proto(part, lambda each: f"files/{each}") for part in request.query],
            selection=selection_to_proto(request.selection, request.version),
            top_k=request.top_k,
            score_threshold=request.score_threshold,
            page_size=request.page_size,
            page_token=request.page_token,
            facets=[search_service_pb2.FacetRequest(field=each.field, limit=each.limit) for each in request.facets],
        )


def found_from_proto(response: pb.SearchFilesResponse) -> FileSearchResponse:
    """Return the hits that the message holds."""
    return FileSearchResponse(
        tuple(_hit_from_proto(hit) for hit in response.hits),
        tuple(facet_from_proto(each, f"facets[{place}]") for place, each in enumerate(response.facets)),
        response.next_page_token,
        usage_from_proto(response.usage),
        timings_from_proto(response.timings),
        response.match_count,
        response.thumbnail_mode,
    )


def found_to_proto(found: FileSearchResponse) -> pb.SearchFilesResponse:
    """Return the message for hits."""
    return pb.SearchFilesResponse(
        hits=[
            pb.FileHit(file=file_to_proto(hit.file), score=hit.score, rank=hit.rank, relevance=hit.relevance)
            for hit in found.hits
        ],
        facets=map(facet_to_proto, found.facets),
        next_page_token=found.next_page_token,
        usage=usage_to_proto(found.usage),
        timings=timings_to_proto(found.timings),
        match_count=found.match_count,
        thumbnail_mode=found.thumbnail_mode,
    )


def twins_from_proto(group: pb.NearDuplicateGroup) -> NearDuplicateGroup:
    """Return the group that the message holds."""
    return NearDuplicateGroup(tuple(map(file_from_proto, group.files)), group.least_score)


def twins_to_proto(group: NearDuplicateGroup) -> pb.NearDuplicateGroup:
    """Return the message for a group."""
    return pb.NearDuplicateGroup(files=map(file_to_proto, group.files), least_score=group.least_score)


def _hit_from_proto(hit: pb.FileHit) -> FileHit:
    relevance = hit.relevance if hit.HasField("relevance") else None
    return FileHit(file_from_proto(hit.file), hit.score, hit.rank, relevance)
