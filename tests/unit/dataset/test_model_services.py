"""What services of connections answer is read whole, or is an error of ours; what they are sent is what they know."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensorium.dataset.model_services.assumed_calibration import AssumedCalibration
from sensorium.dataset.model_services.dash_scope import DashScopeApi
from sensorium.dataset.model_services.eas import EasApi
from sensorium.dataset.model_services.embedding_api import EmbeddingApi
from sensorium.dataset.model_services.http_service import Key, retry_after
from sensorium.dataset.model_services.media_uri import media_type, uri_of
from sensorium.dataset.model_services.open_ai import OpenAiApi
from sensorium.dataset.model_services.profile import key_of, model_of, profile_of
from sensorium.dataset.patience import patiently
from sensorium.errors import (
    FailedPrecondition,
    InvalidArgument,
    Reason,
    ResourceExhausted,
    SensoriumError,
    Unavailable,
)
from sensorium.model.connection import ConnectionKind, ConnectionModel, ConnectionSpec, ModelKind
from sensorium.model.content import Content, Media, Modality, Part, TokenIds
from sensorium.model.dataset_names import ConnectedModel, ConnectionName
from sensorium.model.embedding import Calibration, EmbedRequest, EmbedResponse, ModelInfo

APIS = [OpenAiApi(), DashScopeApi(), EasApi()]
WORDS = [Content.of_text("a"), Content.of_text("b")]
PICTURE = Content((Part(Modality.IMAGE, Media(b"GIF8")),))
BASE = {"base_url": "http://h/v1/"}

rows = st.lists(st.lists(st.floats(-1, 1), min_size=1, max_size=3), min_size=1, max_size=4)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["data", "output", "embeddings", "embedding", "index", "code", "message", "status_code"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=10,
)


def spec(kind: ConnectionKind = ConnectionKind.OPEN_AI, **configs: str) -> ConnectionSpec:
    return ConnectionSpec(kind, configs={**BASE, **configs}, secrets={"api_key": "k"})


@pytest.mark.parametrize("api", APIS)
def test_token_ids_are_not_sent(api: EmbeddingApi) -> None:
    with pytest.raises(InvalidArgument) as refused:
        api.body("m", Modality.TEXT, [Content((Part(Modality.TEXT, TokenIds((1, 2))),))], 0)
    assert refused.value.reason is Reason.OPTION_UNSUPPORTED


@given(vectors=rows, order=st.randoms())
def test_vectors_stand_where_they_say(vectors: list[list[float]], order: st.DataObject) -> None:
    items = [{"index": place, "embedding": vector} for place, vector in enumerate(vectors)]
    order.shuffle(items)  # type: ignore[attr-defined]
    assert OpenAiApi().rows(json.dumps({"data": items}).encode(), len(vectors)) == vectors
    answer = json.dumps({"output": {"embeddings": items}, "request_id": "r"}).encode()
    assert DashScopeApi().rows(answer, len(vectors)) == vectors
    assert EasApi().rows(answer, len(vectors)) == vectors


@pytest.mark.parametrize("api", APIS, ids=lambda api: type(api).__name__)
@given(answer=st.binary(max_size=60) | values.map(lambda value: json.dumps(value).encode()), count=st.integers(1, 3))
def test_any_answer_gives_vectors_or_an_error_of_ours(api: EmbeddingApi, answer: bytes, count: int) -> None:
    try:
        found = api.rows(answer, count)
    except SensoriumError:
        return
    assert len(found) == count


def test_a_vector_that_did_not_come_is_told_from_those_that_did() -> None:
    answer = b'{"data": [{"index": 1, "embedding": [1, 2]}]}'
    assert OpenAiApi().rows(answer, 2) == [None, [1, 2]]
    twice = b'{"data": [{"index": 1, "embedding": [1]}, {"index": 1, "embedding": [1]}]}'
    with pytest.raises(FailedPrecondition, match="the place 1 of 2"):
        OpenAiApi().rows(twice, 2)


def test_a_fused_vector_is_that_of_one_content() -> None:
    answer = b'{"output": {"embedding": [1, 2]}, "usage": {}}'
    assert DashScopeApi().rows(answer, 1) == [[1, 2]]
    with pytest.raises(FailedPrecondition, match="set the connection's batch_size to 1"):
        DashScopeApi().rows(answer, 2)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("Throttling.RateQuota", ResourceExhausted),
        ("ServiceUnavailable", Unavailable),
        ("DataInspectionFailed", InvalidArgument),
    ],
)
def test_an_error_with_a_good_status_is_seen(code: str, kind: type[SensoriumError]) -> None:
    with pytest.raises(kind, match=code):
        DashScopeApi().rows(json.dumps({"code": code, "message": "m"}).encode(), 1)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(429, ResourceExhausted), (503, Unavailable), (401, FailedPrecondition), (400, InvalidArgument)],
)
def test_a_status_in_the_body_is_seen(status: int, kind: type[SensoriumError]) -> None:
    with pytest.raises(kind, match=f"{status}: no; never"):
        EasApi().rows(json.dumps({"status_code": status, "message": ["no", "never"]}).encode(), 1)


def test_what_came_of_a_part_of_the_contents_is_taken() -> None:
    answer = (
        b'{"status_code": 204, "message": ["too long"], "output": {"embeddings": [{"index": 1, "embedding": [2]}]}}'
    )
    assert EasApi().rows(answer, 2) == [None, [2]]


def test_services_are_asked_in_their_words() -> None:
    assert json.loads(OpenAiApi().body("m", Modality.TEXT, WORDS, 0)) == {
        "model": "m", "input": ["a", "b"], "encoding_format": "float",
    }  # fmt: skip
    assert json.loads(OpenAiApi().body("m", Modality.IMAGE, [PICTURE], 8)) == {
        "model": "m", "input": ["data:image/gif;base64,R0lGOA=="], "encoding_format": "float", "dimensions": 8,
        "modality": "image",
    }  # fmt: skip
    assert json.loads(DashScopeApi().body("m", Modality.TEXT, [*WORDS, PICTURE], 8)) == {
        "model": "m",
        "input": {"contents": [{"text": "a"}, {"text": "b"}, {"image": "data:image/gif;base64,R0lGOA=="}]},
        "parameters": {"dimension": 8},
    }
    assert json.loads(EasApi().body("m", Modality.IMAGE, [PICTURE], 8)) == {
        "model": "m", "input": {"contents": [{"image": "data:image/gif;base64,R0lGOA=="}]},
    }  # fmt: skip


def test_media_go_by_their_bytes_or_by_an_address_of_the_web() -> None:
    assert uri_of(Media(uri="https://h/a.png"), Modality.IMAGE) == "https://h/a.png"
    for uri in ("file:///etc/passwd", "s3://bucket/a.png"):
        with pytest.raises(InvalidArgument) as caught:
            uri_of(Media(uri=uri), Modality.IMAGE)
        assert caught.value.reason is Reason.URI_REFUSED
    assert media_type(b"RIFF1234WAVE", Modality.AUDIO) == "audio/wav"
    assert media_type(b"RIFF1234WEBP", Modality.IMAGE) == "image/webp"
    assert media_type(b"???", Modality.IMAGE) == "image/jpeg"


@given(st.text(max_size=30))
def test_any_retry_after_is_seconds_or_nothing(header: str) -> None:
    assert (retry_after(header) or 0) >= 0


def test_a_retry_after_is_a_number_or_a_date() -> None:
    assert retry_after("2.5") == 2.5
    later = retry_after(format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True))
    assert later
    assert 30 < later <= 60
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert retry_after("soon") is None


def test_a_connection_says_what_its_models_take() -> None:
    plain, fused = profile_of(spec()), profile_of(spec(ConnectionKind.DASH_SCOPE))
    assert (plain.base_url, plain.modalities, plain.batch_size) == ("http://h/v1", (Modality.TEXT,), 32)
    assert (fused.modalities, fused.batch_size) == ((Modality.TEXT, Modality.IMAGE), 1)
    told = profile_of(spec(dimension="8", modalities="audio, text", batch_size="4", calibration_audio="2,-1"))
    assert (told.dimension, told.modalities, told.batch_size) == (8, (Modality.TEXT, Modality.AUDIO), 4)
    assert told.calibrations == (Calibration(2, -1, Modality.AUDIO),)


@pytest.mark.parametrize("key", ["line\nbreak", "ключ", " k"])
def test_a_key_that_no_header_can_hold_is_refused_without_being_told(key: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        profile_of(ConnectionSpec(ConnectionKind.OPEN_AI, configs=BASE, secrets={"api_key": key}))
    assert key not in caught.value.message
    assert caught.value.field == "connection.secrets['api_key']"


def test_keys_go_as_each_kind_of_service_takes_them() -> None:
    token = ConnectionSpec(ConnectionKind.EAS, configs=BASE, secrets={"token": "t"})
    assert (key_of(spec()), key_of(token)) == (Key("k", "Bearer "), Key("t", ""))
    assert "hunter2" not in repr(Key("hunter2", ""))


def test_the_first_embedding_model_of_a_connection_is_its_default() -> None:
    models = (
        ConnectionModel("chat", ModelKind.LLM),
        ConnectionModel("e1", ModelKind.EMBEDDING),
        ConnectionModel("e2", ModelKind.EMBEDDING),
    )
    listing = ConnectionSpec(ConnectionKind.OPEN_AI, configs=BASE, models=models)
    assert [model_of(listing, asked) for asked in ("", "e2", "other")] == ["e1", "e2", "other"]
    for bad, asked in ((listing, "chat"), (spec(), "")):
        with pytest.raises(InvalidArgument):
            model_of(bad, asked)


@given(st.text(min_size=1, max_size=40))
def test_a_model_of_a_connection_is_found_by_the_name_that_collections_give_it(model: str) -> None:
    there = ConnectedModel(ConnectionName("acme", "elsewhere"), model)
    assert ConnectedModel.find(str(there)) == there
    assert ConnectedModel.find("all-minilm-l6-v2") is None


class Letters:
    """An embedder of which the calibration alone matters."""

    info = ModelInfo(
        "m", "1", "", 2, 0, "", modalities=(Modality.TEXT, Modality.IMAGE), calibrations=(Calibration(9, -3),)
    )

    async def models(self) -> list[ModelInfo]:
        return [self.info]

    async def model(self, name: str) -> ModelInfo:
        return self.info

    async def embed(self, request: EmbedRequest) -> EmbedResponse:
        return EmbedResponse("m", "1", ())


async def test_what_is_not_calibrated_is_assumed_and_what_is_stays() -> None:
    model = await AssumedCalibration(Letters()).model("m")
    assert model.calibrations == (Calibration(9, -3), Calibration(20, -6, Modality.IMAGE))
    assert await AssumedCalibration(Letters()).models() == [model]
    assert (await AssumedCalibration(Letters()).embed(EmbedRequest(()))).results == ()


async def test_whoever_is_told_to_come_back_in_an_hour_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    async def slept(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", slept)
    errors = [Unavailable("1"), Unavailable("2", retry_after=9), ResourceExhausted("3", retry_after=3600)]

    async def fail() -> None:
        raise errors.pop(0)

    with pytest.raises(ResourceExhausted, match="3"):
        await patiently(fail, (0.5, 2, 8, 8))
    assert waits == [0.5, 9]
