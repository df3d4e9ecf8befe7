"""The shared messages survive a trip over the wire, and wrong ones say which field is at fault."""

import math
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensorium.errors import InvalidArgument, Reason
from sensorium.model.content import Content, Media, Modality, Part
from sensorium.model.document import AttributeValue
from sensorium.model.embedding import Embedding, ModalityUsage, Priority, Timings, Truncation, Usage
from sensorium.model.vector import DType, Metric, MultiVector, SparseVector, Vector
from sensorium.rpc.codec.attribute import attribute_from_proto, attribute_to_proto
from sensorium.rpc.codec.content import content_from_proto, content_to_proto
from sensorium.rpc.codec.enums import DTYPE, METRIC, MODALITY, PRIORITY, TRUNCATION
from sensorium.rpc.codec.usage import timings_from_proto, timings_to_proto, usage_from_proto, usage_to_proto
from sensorium.rpc.codec.vector import (
    embedding_from_proto,
    embedding_to_proto,
    sparse_from_proto,
    sparse_to_proto,
)
from sensorium.v1 import types_pb2

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
WEIGHTS = st.floats(min_value=2.0**-20, max_value=1e6, width=32)
MEDIA = st.one_of(st.just(Media()), st.builds(Media, data=st.binary(max_size=20)), st.builds(Media, uri=TEXTS))
PARTS = st.one_of(
    st.builds(Part, st.just(Modality.TEXT), TEXTS, WEIGHTS),
    st.builds(Part, st.sampled_from([Modality.IMAGE, Modality.AUDIO, Modality.VIDEO]), MEDIA, WEIGHTS),
)
CONTENTS = st.builds(Content, st.lists(PARTS, max_size=4).map(tuple))
SCALES = st.floats(0, 1, width=32)
VECTORS = st.builds(Vector, st.binary(max_size=40), st.sampled_from(DType), st.integers(0, 10_000), SCALES)
MULTIS = st.builds(
    MultiVector, st.binary(max_size=40), st.sampled_from(DType), st.integers(0, 99), st.integers(0, 99), SCALES
)
EMBEDDINGS = st.builds(
    Embedding,
    dense=st.none() | VECTORS,
    multi=st.none() | MULTIS,
    truncated=st.booleans(),
    token_count=st.integers(0, 9999),
)
TIMES = st.datetimes(timezones=st.just(UTC))
ATTRIBUTES = st.one_of(
    TEXTS,
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    TIMES,
    st.lists(TEXTS, max_size=3).map(tuple),
)
MILLISECONDS = st.floats(0, 1e9)


@given(CONTENTS)
def test_contents_survive_the_wire(content: Content) -> None:
    wire = content_to_proto(content).SerializeToString()
    assert content_from_proto(types_pb2.Content.FromString(wire)) == content


@given(EMBEDDINGS)
def test_embeddings_survive_the_wire(embedding: Embedding) -> None:
    wire = types_pb2.Embedding.FromString(embedding_to_proto(embedding).SerializeToString())
    back = embedding_from_proto(wire, "e", truncated=embedding.truncated, token_count=embedding.token_count)
    assert back == embedding


@given(st.dictionaries(st.integers(0, 2**32 - 1), st.floats(width=32, allow_nan=False), max_size=20))
def test_sparse_vectors_survive_the_wire(weights: dict[int, float]) -> None:
    indices = np.array(sorted(weights), np.uint32)
    values = np.array([weights[index] for index in sorted(weights)], np.float32)
    back = sparse_from_proto(sparse_to_proto(SparseVector(indices, values, tuple(map(str, indices)))), "sparse")
    assert np.array_equal(back.indices, indices)
    assert np.array_equal(back.values, values)
    assert back.tokens == tuple(map(str, indices))


@given(ATTRIBUTES)
def test_attributes_survive_the_wire_with_their_types(value: AttributeValue) -> None:
    back = attribute_from_proto(attribute_to_proto(value), "attributes[a]")
    assert back == value
    assert type(back) is type(value)


@given(st.integers(0, 10**12), MILLISECONDS, MILLISECONDS)
def test_usage_and_timings_survive_the_wire(tokens: int, measure: float, weight: float) -> None:
    usage = Usage(tokens, (ModalityUsage(Modality.IMAGE, measure, weight),))
    assert usage_from_proto(usage_to_proto(usage)) == usage
    assert usage_to_proto(usage).total == usage.total
    timings = Timings(queue_ms=measure, preprocess_ms=weight, inference_ms=1, search_ms=2, total_ms=3)
    assert timings_from_proto(timings_to_proto(timings)) == timings


@pytest.mark.parametrize(
    ("table", "members", "default"),
    [
        (DTYPE, DType, DType.FLOAT32),
        (METRIC, Metric, Metric.COSINE),
        (PRIORITY, Priority, Priority.INTERACTIVE),
        (TRUNCATION, Truncation, Truncation.END),
    ],
)
def test_enums_map_one_to_one_and_zero_means_the_default(table: object, members: type, default: object) -> None:
    assert [table.from_proto(table.to_proto(each), "f") for each in members] == list(members)
    assert table.from_proto(0, "f") is default


def test_an_enum_without_a_default_must_be_set() -> None:
    with pytest.raises(InvalidArgument, match=r"modality: 0 is not one of 1, 2, 3, 4"):
        MODALITY.from_proto(0, "modality")


def test_what_is_not_set_is_left_to_whoever_embeds_it() -> None:
    message = types_pb2.Content(parts=[types_pb2.Part(), types_pb2.Part(image=types_pb2.Media(), weight=math.nan)])
    first, second = content_from_proto(message).parts
    assert first == Part(Modality.TEXT, "")
    assert (second.modality, second.body, math.isnan(second.weight)) == (Modality.IMAGE, Media(), True)
    assert content_from_proto(types_pb2.Content()) == Content(())


def test_a_text_that_utf8_cannot_hold_is_refused() -> None:
    with pytest.raises(InvalidArgument) as caught:
        content_to_proto(Content.of_text("half a pair: \ud800"))
    assert caught.value.reason is Reason.REQUEST_MALFORMED


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (types_pb2.SparseVector(indices=b"\0" * 3), "s.indices"),
        (types_pb2.SparseVector(values=b"\0" * 5), "s.values"),
        (types_pb2.SparseVector(indices=b"\0" * 4), "s"),
        (types_pb2.SparseVector(indices=b"\0" * 8, values=b"\0" * 8), "s.indices"),
        (types_pb2.SparseVector(indices=b"\0" * 4, values=b"\0" * 4, tokens=["a", "b"]), "s"),
    ],
)
def test_a_wrong_sparse_vector_names_the_field_at_fault(message: types_pb2.SparseVector, field: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        sparse_from_proto(message, "s")
    assert (caught.value.field, caught.value.reason) == (field, Reason.VECTOR_INVALID)


def test_an_unknown_dtype_names_its_field() -> None:
    message = types_pb2.Embedding(dense=types_pb2.Vector(dtype=99))  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument) as caught:
        embedding_from_proto(message, "results[0].embedding")
    assert caught.value.field == "results[0].embedding.dense.dtype"


@pytest.mark.parametrize(
    "message",
    [
        types_pb2.AttributeValue(),
        types_pb2.AttributeValue(double_value=math.nan),
        types_pb2.AttributeValue(time_value={"seconds": 2**60}),
    ],
)
def test_a_wrong_attribute_names_its_field(message: types_pb2.AttributeValue) -> None:
    with pytest.raises(InvalidArgument) as caught:
        attribute_from_proto(message, "attributes[price]")
    assert caught.value.field == "attributes[price]"


@pytest.mark.parametrize("value", [2**63, math.inf, datetime(2026, 1, 1), ["list"]])  # noqa: DTZ001
def test_a_value_that_no_attribute_can_hold_is_refused(value: object) -> None:
    with pytest.raises(InvalidArgument):
        attribute_to_proto(value, "attributes[price]")  # type: ignore[arg-type]
