"""A service as a server takes it on."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial

from grpc import aio

from sensorium.v1 import (
    dataset_service_pb2_grpc,
    embed_service_pb2_grpc,
    search_service_pb2_grpc,
    tag_service_pb2_grpc,
    usage_service_pb2_grpc,
)


@dataclass(frozen=True, slots=True)
class Registration:
    """One service of a server.

    Attributes:
        service: Its full name, `sensorium.v1.EmbedService`.
        add: Adds its servicer to a server. Methods that the servicer leaves to the generated base class answer
            UNIMPLEMENTED with reason NOT_BUILT.
        needs: The readiness checks that must pass before its health is SERVING.
    """

    service: str
    add: Callable[[aio.Server], None]
    needs: Collection[str] = ()


def embed_service(servicer: embed_service_pb2_grpc.EmbedServiceServicer, needs: Collection[str]) -> Registration:
    """Return EmbedService as `servicer` serves it."""
    add = partial(embed_service_pb2_grpc.add_EmbedServiceServicer_to_server, servicer)
    return Registration("sensorium.v1.EmbedService", add, needs)


def search_service(servicer: search_service_pb2_grpc.SearchServiceServicer, needs: Collection[str]) -> Registration:
    """Return SearchService as `servicer` serves it."""
    add = partial(search_service_pb2_grpc.add_SearchServiceServicer_to_server, servicer)
    return Registration("sensorium.v1.SearchService", add, needs)


def tag_service(servicer: tag_service_pb2_grpc.TagServiceServicer, needs: Collection[str]) -> Registration:
    """Return TagService as `servicer` serves it."""
    add = partial(tag_service_pb2_grpc.add_TagServiceServicer_to_server, servicer)
    return Registration("sensorium.v1.TagService", add, needs)


def dataset_service(servicer: dataset_service_pb2_grpc.DatasetServiceServicer, needs: Collection[str]) -> Registration:
    """Return DatasetService as `servicer` serves it."""
    add = partial(dataset_service_pb2_grpc.add_DatasetServiceServicer_to_server, servicer)
    return Registration("sensorium.v1.DatasetService", add, needs)


def usage_service(servicer: usage_service_pb2_grpc.UsageServiceServicer) -> Registration:
    """Return UsageService as `servicer` serves it; it needs nothing but its file."""
    add = partial(usage_service_pb2_grpc.add_UsageServiceServicer_to_server, servicer)
    return Registration("sensorium.v1.UsageService", add)
