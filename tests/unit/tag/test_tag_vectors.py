"""The vectors of tags are embedded once, and no more of them are kept than allowed."""

import asyncio
from dataclasses import replace

import numpy as np
import pytest
from memory_mesh import DIMENSION, LETTERS
from tag_samples import SPEC, PartsEmbedder

from sensorium.errors import InvalidArgument, Reason, Unavailable
from sensorium.model.embedding import EmbedRole, Priority
from sensorium.model.tagging import TagDefinitionSpec, TagSpec
from sensorium.tag.tag_vectors import TagVectors

INTERACTIVE = Priority.INTERACTIVE
VECTOR_BYTES = DIMENSION * 4


def vectors_of(embedder: PartsEmbedder, max_bytes: int = 1 << 20, batch_size: int = 100) -> TagVectors:
    return TagVectors(embedder, batch_size=batch_size, max_bytes=max_bytes)


def one(tag: str) -> TagDefinitionSpec:
    return TagDefinitionSpec((TagSpec(tag),))


async def test_a_tag_points_between_its_name_and_its_description() -> None:
    spec = TagDefinitionSpec((TagSpec("a", "b"), TagSpec("a")))
    described, plain = await vectors_of(PartsEmbedder()).of(spec, LETTERS, INTERACTIVE)
    assert np.linalg.norm(described) == pytest.approx(1)
    assert described[1] > 0
    assert plain[:2].tolist() == [1, 0]


async def test_callers_at_once_embed_once() -> None:
    embedder = PartsEmbedder()
    vectors = vectors_of(embedder)
    await asyncio.gather(*(vectors.of(SPEC, LETTERS, INTERACTIVE) for _ in range(5)))
    await vectors.of(SPEC, LETTERS, INTERACTIVE)
    assert len(embedder.requests) == 1


async def test_another_revision_is_embedded_anew() -> None:
    embedder = PartsEmbedder()
    vectors = vectors_of(embedder)
    await vectors.of(SPEC, LETTERS, INTERACTIVE)
    embedder.revision = "r2"
    await vectors.of(SPEC, replace(LETTERS, revision="r2"), INTERACTIVE)
    assert len(embedder.requests) == 2


async def test_a_revision_that_changes_during_the_call_is_not_mixed() -> None:
    embedder = PartsEmbedder(revision="r2")
    with pytest.raises(Unavailable) as raised:
        await vectors_of(embedder).of(SPEC, LETTERS, INTERACTIVE)
    assert raised.value.reason is Reason.MODEL_NOT_READY


async def test_what_was_used_longest_ago_leaves_first() -> None:
    embedder = PartsEmbedder()
    vectors = vectors_of(embedder, max_bytes=2 * VECTOR_BYTES)
    for tag in ("a", "b", "a", "c"):
        await vectors.of(one(tag), LETTERS, INTERACTIVE)
    assert len(embedder.requests) == 3
    await vectors.of(one("a"), LETTERS, INTERACTIVE)
    assert len(embedder.requests) == 3
    await vectors.of(one("b"), LETTERS, INTERACTIVE)
    assert len(embedder.requests) == 4


async def test_a_failure_is_not_kept() -> None:
    embedder = PartsEmbedder(errors=[Unavailable("away")])
    vectors = vectors_of(embedder)
    with pytest.raises(Unavailable):
        await vectors.of(SPEC, LETTERS, INTERACTIVE)
    assert len(await vectors.of(SPEC, LETTERS, INTERACTIVE)) == 3


async def test_many_tags_are_embedded_in_batches() -> None:
    embedder = PartsEmbedder()
    spec = TagDefinitionSpec(tuple(TagSpec("a" * (count + 1)) for count in range(5)))
    assert len(await vectors_of(embedder, batch_size=4).of(spec, LETTERS, INTERACTIVE)) == 5
    assert [len(request.contents) for request in embedder.requests] == [4, 4, 2]


async def test_a_tag_that_the_model_cannot_read_is_named() -> None:
    class Picky(PartsEmbedder):
        @staticmethod
        def _result(index, content):  # type: ignore[no-untyped-def]
            if content.parts[0].body == "🙂":
                return InvalidArgument("unreadable", reason=Reason.CONTENT_EMPTY)
            return PartsEmbedder._result(index, content)

    with pytest.raises(InvalidArgument) as raised:
        await vectors_of(Picky()).of(TagDefinitionSpec((TagSpec("a"), TagSpec("🙂"))), LETTERS, INTERACTIVE)
    assert (raised.value.reason, raised.value.field) == (Reason.CONTENT_EMPTY, "tags[1]")


async def test_a_model_that_tells_roles_and_follows_instructions_gets_both() -> None:
    embedder = PartsEmbedder()
    model = replace(LETTERS, roles_supported=True, instruction_supported=True)
    await vectors_of(embedder).of(replace(SPEC, guide_prompt="You drive."), model, INTERACTIVE)
    options = embedder.requests[0].options
    assert (options.role, options.instruction) == (EmbedRole.QUERY, "You drive.")
