"""Every method of every service asks for the role that is declared for it, whoever calls."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message_factory import GetMessageClass
from key_ring import Keys
from memory_mesh import MemoryMesh
from served_mesh import served

from sensorium.errors import Reason, SensoriumError
from sensorium.gateway.keys.guard import KeyGuard
from sensorium.gateway.keys.permissions import RULES
from sensorium.model.access import KeyRole
from sensorium.rpc.channel import open_channel
from sensorium.rpc.interceptors.fields import texts_at
from sensorium.rpc.status import from_rpc_error
from sensorium.v1 import dataset_service_pb2, embed_service_pb2, search_service_pb2, tag_service_pb2, usage_service_pb2

FILES = (dataset_service_pb2, embed_service_pb2, search_service_pb2, tag_service_pb2, usage_service_pb2)
REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"


def all_methods() -> Iterator[MethodDescriptor]:
    for file in FILES:
        for service in file.DESCRIPTOR.services_by_name.values():
            yield from service.methods


METHODS = {f"/{method.containing_service.full_name}/{method.name}": method for method in all_methods()}


@dataclass
class Mesh:
    channel: grpc.aio.Channel
    keys: Keys

    async def outcome(self, name: str, headers: dict[str, str], *, requests: int = 0) -> SensoriumError | None:
        """Call a method with an empty request, or a stream without any, and return what came of it.

        A call that is refused before its requests are read may be seen as CANCELLED by who is still sending them.
        """
        method = METHODS[name]
        request = GetMessageClass(method.input_type)()
        kind = ("stream" if method.client_streaming else "unary") + ("_stream" if method.server_streaming else "_unary")
        call = getattr(self.channel, kind)(
            name,
            request_serializer=GetMessageClass(method.input_type).SerializeToString,
            response_deserializer=GetMessageClass(method.output_type).FromString,
        )(
            iter([request] * requests) if method.client_streaming else request,
            metadata=tuple(headers.items()),
            timeout=10,
        )
        return await _ended(call, streaming=method.server_streaming)


async def _ended(call: Any, *, streaming: bool) -> SensoriumError | None:
    try:
        if streaming:
            async for _ in call:
                pass
        else:
            await call
    except grpc.aio.AioRpcError as fault:
        return from_rpc_error(fault)
    except SensoriumError as error:
        return error
    return None


@pytest.fixture
async def mesh(keys: Keys) -> AsyncIterator[Mesh]:
    memory = MemoryMesh()
    keys.make()
    async with (
        served(memory.embedder, memory.searcher, guard=KeyGuard(keys.ring, local=True)) as address,
        open_channel(address) as channel,
    ):
        yield Mesh(channel, keys)


def test_every_method_is_declared_and_nothing_else() -> None:
    assert RULES.keys() == METHODS.keys() | {REFLECTION}


@pytest.mark.parametrize("name", METHODS)
def test_the_paths_of_a_rule_are_in_the_request(name: str) -> None:
    request, rule = GetMessageClass(METHODS[name].input_type)(), RULES[name]
    for paths in (rule.shared, rule.collections, rule.collection_ids, (rule.items,) if rule.items else ()):
        texts_at(request, paths)


async def test_without_a_key_no_method_answers(mesh: Mesh) -> None:
    for headers in ({}, {"authorization": "Bearer nonsense"}, {"authorization": "Basic eDp5"}):
        for name in METHODS:
            error = await mesh.outcome(name, headers)
            assert error is not None, name
            assert error.reason is Reason.KEY_INVALID, name


@pytest.mark.parametrize("role", KeyRole)
async def test_each_role_may_call_what_is_declared_for_it_and_no_more(mesh: Mesh, role: KeyRole) -> None:
    headers = mesh.keys.header(role)
    for name in METHODS:
        error = await mesh.outcome(name, headers)
        if role.allows(RULES[name].role):
            assert error is None or error.reason not in {Reason.KEY_INVALID, Reason.PERMISSION_DENIED}, name
        else:
            assert error is not None, name
            assert error.reason is Reason.PERMISSION_DENIED, name
            assert error.metadata["required"] == RULES[name].role, name


async def test_a_key_of_another_workspace_gets_into_no_method_that_names_one(mesh: Mesh) -> None:
    headers = mesh.keys.header(KeyRole.ADMIN, workspace="acme")
    unbuilt = {Reason.NOT_BUILT}  # A request that nothing reads names nothing.
    for name, rule in RULES.items():
        if name in METHODS and (rule.shared or rule.collections):
            error = await mesh.outcome(name, headers, requests=1)
            assert error is not None, name
            assert error.reason in {Reason.PERMISSION_DENIED} | unbuilt, name
