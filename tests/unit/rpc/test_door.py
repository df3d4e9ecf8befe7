"""What the guard is told of messages, and what a passage makes of what comes back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from sensorium.context import CallContext
from sensorium.errors import Unauthenticated, Unavailable
from sensorium.model.access import KeyRole, Named, Rule
from sensorium.ports import Guard, Permit
from sensorium.rpc.interceptors.door import Door
from sensorium.rpc.interceptors.fields import count_at, texts_at, tokens_in
from sensorium.v1 import embed_service_pb2, search_service_pb2, tag_service_pb2
from sensorium.v1.types_pb2 import Usage

SEARCHES = search_service_pb2.BatchSearchRequest(
    parent="workspaces/a",
    requests=[search_service_pb2.SearchRequest(parent=f"workspaces/a/collections/{each}") for each in "xy"],
)


@dataclass
class Recorder(Guard, Permit):
    """Lets everybody pass and notes what it was told."""

    bounded: bool = True  # type: ignore[misc]
    scoped: bool = False  # type: ignore[misc]
    key_id: str = "0123456789ab"  # type: ignore[misc]
    generations: tuple[int, ...] = (0,)  # type: ignore[misc]
    closed: bool = True  # type: ignore[misc]
    remedy: str = ""  # type: ignore[misc]
    asked: list[tuple[Named, int]] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)

    def rule(self, method: str) -> Rule:
        return Rule(KeyRole.READ)

    def admit_signer(self, rule: Rule, key_id: str) -> Permit:
        return self

    def admit(self, rule: Rule, headers: Mapping[str, Any]) -> Permit:
        return self

    def request(self, named: Named, count: int) -> None:
        self.asked.append((named, count))

    def used(self, tokens: int) -> None:
        self.tokens.append(tokens)


def test_texts_are_found_in_every_item_of_a_list() -> None:
    assert texts_at(SEARCHES, ("parent", "requests.parent")) == (
        "workspaces/a",
        "workspaces/a/collections/x",
        "workspaces/a/collections/y",
    )
    assert count_at(SEARCHES, "requests") == 2


def test_a_choice_that_was_not_taken_names_nothing_and_an_empty_text_names_the_default() -> None:
    inline = tag_service_pb2.TagRequest(inline_definition=tag_service_pb2.TagDefinition())
    assert texts_at(inline, ("parent", "tag_definition")) == ("",)
    job = search_service_pb2.CreateCollectionJobRequest(
        job=search_service_pb2.CollectionJob(restore=search_service_pb2.RestoreWork(collection_id="new"))
    )
    assert texts_at(job, ("job.reembed.collection_id", "job.restore.collection_id")) == ("new",)


def test_tokens_are_found_wherever_a_response_reports_them() -> None:
    one = search_service_pb2.SearchResponse(usage=Usage(token_count=3))
    results = [search_service_pb2.SearchResult(response=one), search_service_pb2.SearchResult()]
    assert tokens_in(one) == 3
    assert tokens_in(search_service_pb2.BatchSearchResponse(results=[*results, results[0]])) == 6
    embedded = embed_service_pb2.EmbedResponse(usage=Usage(token_count=5))
    assert tokens_in(embed_service_pb2.StreamEmbedResponse(response=embedded)) == 5
    assert tokens_in(search_service_pb2.CountDocumentsResponse(count=9)) == 0


def door(guard: Recorder, rule: Rule, response: Any, fault: Exception | None = None) -> Door:
    async def answer(raw: Any, _rpc: Any, decode: Any, encode: Any) -> bytes:
        decode(raw)
        if fault:
            raise fault
        return bytes(encode(response))

    return Door(guard, rule, answer, lambda _raw: SEARCHES, lambda message: bytes(message.SerializeToString()))


async def test_the_guard_is_told_the_names_the_items_and_the_tokens() -> None:
    guard, call = Recorder(), CallContext()
    rule = Rule(KeyRole.READ, shared=("parent",), collections=("requests.parent",), items="requests")
    response = search_service_pb2.SearchResponse(usage=Usage(token_count=3))
    assert await door(guard, rule, response).admit({}, call).answer(b"", None) == response.SerializeToString()
    named = Named(("workspaces/a",), ("workspaces/a/collections/x", "workspaces/a/collections/y"))
    assert (guard.asked, guard.tokens, call.key_id) == ([(named, 2)], [3], "0123456789ab")


async def test_names_are_not_looked_for_where_they_do_not_matter() -> None:
    guard = Recorder(bounded=False)
    response = search_service_pb2.SearchResponse()
    await door(guard, Rule(KeyRole.READ, shared=("parent",)), response).admit({}, CallContext()).answer(b"", None)
    assert (guard.asked, guard.tokens) == ([(Named(), 1)], [])


async def test_that_a_role_behind_does_not_know_us_is_not_the_callers_fault() -> None:
    refused = door(Recorder(), Rule(KeyRole.READ), None, Unauthenticated("the mesh token is wrong"))
    with pytest.raises(Unavailable, match="mesh token or certificate"):
        await refused.admit({}, CallContext()).answer(b"", None)
