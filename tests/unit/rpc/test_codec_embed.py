"""The messages of EmbedService survive a trip over the wire."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensorium.errors import InvalidArgument, Reason
from sensorium.model.content import Content, Modality
from sensorium.model.embedding import (
    Embedding,
    EmbedOptions,
    EmbedRequest,
    EmbedResponse,
    EmbedRole,
    Fusion,
    ModalityUsage,
    ModelInfo,
    ModelState,
    OutputKind,
    Priority,
    Timings,
    Truncation,
    Usage,
)
from sensorium.model.vector import DType, Metric, Vector
from sensorium.rpc.codec.embed import (
    model_from_proto,
    model_to_proto,
    request_from_proto,
    request_to_proto,
    response_from_proto,
    response_to_proto,
)
from sensorium.v1 import embed_service_pb2 as pb

OPTIONS = st.builds(
    EmbedOptions,
    role=st.none() | st.sampled_from(EmbedRole),
    instruction=st.sampled_from(["", "find it"]),
    outputs=st.lists(st.sampled_from(OutputKind), min_size=1, max_size=3).map(tuple),
    dimension=st.integers(0, 4096),
    dtype=st.sampled_from(DType),
    truncation=st.sampled_from(Truncation),
    fusion=st.none() | st.sampled_from(Fusion),
)
REQUESTS = st.builds(
    EmbedRequest,
    contents=st.lists(st.text("ab", min_size=1).map(Content.of_text), max_size=3).map(tuple),
    model=st.sampled_from(["", "m"]),
    options=OPTIONS,
    priority=st.sampled_from(Priority),
    workspace=st.sampled_from(["default", "team"]),
)
MODEL = ModelInfo(
    "m-1.5",
    "r",
    "A model.",
    64,
    128,
    "MIT",
    modalities=(Modality.TEXT, Modality.IMAGE),
    languages=("en", "zh"),
    outputs=tuple(OutputKind),
    dimensions=(32, 64),
    metric=Metric.DOT,
    normalized=False,
    fusions=tuple(Fusion),
    roles_supported=True,
    instruction_supported=True,
)


@given(REQUESTS)
def test_requests_survive_the_wire(request: EmbedRequest) -> None:
    wire = request_to_proto(request).SerializeToString()
    assert request_from_proto(pb.EmbedRequest.FromString(wire)) == request


def test_responses_survive_the_wire_errors_included() -> None:
    embedding = Embedding(Vector(bytes(8), DType.FLOAT32, 2), truncated=True, token_count=7)
    error = InvalidArgument("contents[1]: is empty", reason=Reason.CONTENT_EMPTY, field="contents[1]")
    usage = Usage(7, (ModalityUsage(Modality.TEXT, 1, 1),))
    response = EmbedResponse("m", "r", (embedding, error), usage, Timings(1, 2, 3, 4, 5))
    back = response_from_proto(response_to_proto(response, "team"))
    assert replace(back, results=()) == replace(response, results=())
    assert back.results[0] == embedding
    assert (type(back.results[1]), back.results[1].reason, back.results[1].field) == (
        InvalidArgument,
        Reason.CONTENT_EMPTY,
        "contents[1]",
    )


@pytest.mark.parametrize("state", ModelState)
def test_models_survive_the_wire(state: ModelState) -> None:
    model = replace(MODEL, state=state)
    message = model_to_proto(model, "team")
    assert message.name == "workspaces/team/models/m-1.5"
    assert model_from_proto(message) == model


def test_what_is_unspecified_takes_its_default() -> None:
    request = request_from_proto(pb.EmbedRequest(), Priority.BULK)
    assert request == EmbedRequest((), priority=Priority.BULK)
    assert request_from_proto(pb.EmbedRequest(options=pb.EmbedOptions())).options == EmbedOptions()
