"""The DashScope family as its SDK uses it: classes of 1.x, clients of 2.x, local files, errors, seed requests."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import dashscope
import numpy as np
import pytest
from dashscope import AioMultiModalEmbedding, MultiModalConversation, MultiModalEmbedding, TextEmbedding
from dashscope.v2.errors import NotFoundError
from http_front import Front, OmniEmbedder, front, in_thread, vector_of, with_dimension
from key_ring import Keys

from sensorium.errors import InvalidArgument, Reason, ResourceExhausted
from sensorium.gateway.keys.guard import KeyGuard
from sensorium.model.access import KeyRole
from sensorium.model.content import Content, Media, Modality, Part
from sensorium.model.embedding import EmbedRole, Fusion, OutputKind, Truncation

ONE_PEACE = "multimodal-embedding-one-peace-v1"
MULTIMODAL = "/api/v1/services/embeddings/multimodal-embedding/multimodal-embedding"
TEXT = "/api/v1/services/embeddings/text-embedding/text-embedding"
ALIASES = {ONE_PEACE: "omni", "tongyi-embedding-vision-plus": "omni", "multimodal-embedding-v1": "omni"}


@pytest.fixture
def secret(keys: Keys) -> str:
    return keys.make()[1].text


@pytest.fixture
async def served(keys: Keys, secret: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Front]:
    async with front(guard=KeyGuard(keys.ring, local=True), aliases=ALIASES) as running:
        monkeypatch.setattr(dashscope, "base_http_api_url", f"{running.url}/api/v1")
        monkeypatch.setattr(dashscope, "api_key", secret)
        yield running


async def call(**arguments: Any) -> Any:
    return await in_thread(MultiModalEmbedding.call, **arguments)


async def test_one_peace_gives_one_weighted_vector_and_its_usage(served: Front) -> None:
    contents = [
        {"factor": 1, "text": "你好"},
        {"factor": 2, "audio": "https://x.example/cow.flac"},
        {"factor": 3, "image": "data:image/png;base64,AAAA"},
    ]
    answer = await call(model=ONE_PEACE, input=contents, auto_truncation=True)
    assert answer.status_code == 200, answer
    assert len(answer.output["embedding"]) == 1536
    assert "embeddings" not in answer.output
    assert answer.usage == {
        "audio": {"measure": 1, "weight": 2},
        "image": {"measure": 1, "weight": 1},
        "text": {"measure": 1, "weight": 1},
        "total_usage": 4,
    }
    (request,) = served.embedder.requests
    assert request.contents == (
        Content(
            (
                Part(Modality.TEXT, "你好", 1.0),
                Part(Modality.AUDIO, Media(uri="https://x.example/cow.flac"), 2.0),
                Part(Modality.IMAGE, Media(uri="data:image/png;base64,AAAA"), 3.0),
            )
        ),
    )
    assert (request.options.fusion, request.options.truncation) == (Fusion.AVERAGE, Truncation.END)


async def test_later_models_give_a_vector_for_each_content(served: Front) -> None:
    contents: Any = [{"text": "one"}, {"image": "https://x.example/a.png"}, "bare"]
    answer = await call(model="tongyi-embedding-vision-plus", input=contents)
    assert [(each["index"], each["type"]) for each in answer.output["embeddings"]] == [
        (0, "text"),
        (1, "image"),
        (2, "text"),
    ]
    expected = vector_of(Content.of_text("one"), 1152)
    assert np.array_equal(np.float32(answer.output["embeddings"][0]["embedding"]), expected)
    assert answer.usage["input_tokens"] == 9


async def test_contents_are_fused_when_asked_for(served: Front) -> None:
    answer = await call(
        model="omni",
        input=[{"text": "one"}, {"multi_images": ["https://x.example/a.png", "https://x.example/b.png"]}],
        enable_fusion=True,
        dimension=8,
        instruct="find it",
    )
    assert [len(each["embedding"]) for each in answer.output["embeddings"]] == [8]
    (request,) = served.embedder.requests
    assert [part.modality for part in request.contents[0].parts] == [Modality.TEXT, Modality.IMAGE, Modality.IMAGE]
    assert request.options.instruction == "find it"


async def test_the_asynchronous_class_embeds(served: Front) -> None:
    async with aiohttp.ClientSession() as session:  # the SDK leaves one of its own open
        answer = await AioMultiModalEmbedding.call(
            model="omni", input=[{"text": "one"}], workspace="ws_Acme", session=session
        )
    assert answer.status_code == 200
    assert served.embedder.requests[0].workspace == "ws_acme"


async def test_texts_become_dense_and_sparse_vectors(served: Front) -> None:
    answer = await in_thread(
        TextEmbedding.call, model="omni", input=["one", "two"], text_type="query", output_type="dense&sparse"
    )
    first, second = answer.output["embeddings"]
    assert (first["text_index"], second["text_index"]) == (0, 1)
    assert first["sparse_embedding"][0] == {"index": 7, "value": 0.5, "token": "red"}
    assert np.array_equal(np.float32(second["embedding"]), vector_of(Content.of_text("two")))
    assert answer.usage["total_tokens"] == 6
    (request,) = served.embedder.requests
    assert request.options.role is EmbedRole.QUERY
    assert request.options.outputs == (OutputKind.DENSE, OutputKind.SPARSE)


@pytest.mark.parametrize("scheme", ["file://", ""])
async def test_local_files_are_uploaded_and_embedded(served: Front, tmp_path: Path, scheme: str) -> None:
    first, second = tmp_path / "ein bild.png", tmp_path / "b.png"
    first.write_bytes(b"first")
    second.write_bytes(b"second")
    contents = [{"image": f"{scheme}{first}"}, {"image": f"{scheme}{second}"}]
    answer = await call(model="omni", input=contents)
    assert answer.status_code == 200, answer
    (request,) = served.embedder.requests
    assert [content.parts[0].body for content in request.contents] == [Media(data=b"first"), Media(data=b"second")]


async def test_two_files_of_one_name_do_not_become_one(served: Front, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.png").write_text(folder)
    contents = [{"image": f"file://{tmp_path}/{folder}/x.png"} for folder in ("a", "b")]
    with pytest.raises(Exception, match=r"[Uu]pload|409|Conflict"):
        await call(model="omni", input=contents)
    assert served.embedder.requests == []


async def test_the_client_of_2_0_embeds_lists_models_and_raises(served: Front, secret: str) -> None:
    with dashscope.Client(api_key=secret, base_url=f"{served.url}/api/v1", max_retries=0) as sdk:
        made = await in_thread(sdk.multimodal.embeddings.create, model=ONE_PEACE, input=[{"text": "one"}])
        assert len(made.embeddings[0].embedding) == 1536
        texts = await in_thread(sdk.embeddings.create, model="omni", input=["one"])
        assert texts.request_id
        with pytest.raises(NotFoundError) as missing:
            await in_thread(sdk.embeddings.create, model="other", input=["one"])
    assert missing.value.code == "Model.NotExist"


async def test_codes_are_those_of_the_seed(served: Front, secret: str) -> None:
    wrong = await call(model="omni", input=[{"text": "one"}], api_key="sk-wrong")
    assert (wrong.status_code, wrong.code) == (401, "InvalidApiKey")
    assert wrong.request_id
    missing = await call(model="other", input=[{"text": "one"}])
    assert (missing.status_code, missing.code) == (404, "Model.NotExist")
    for contents in ([{}], [{"text": "one", "factor": "much"}], [{"text": "one", "factor": 0}], [{"text": "bad"}]):
        bad = await call(model="omni", input=contents)
        assert (bad.status_code, bad.code) == (400, "InvalidParameter"), contents


@pytest.mark.parametrize(
    ("reason", "unit", "code"),
    [
        (Reason.RATE_LIMITED, "requests per minute", "Throttling.RateQuota"),
        (Reason.RATE_LIMITED, "tokens per minute", "Throttling.AllocationQuota"),
        (Reason.QUEUE_FULL, "", "Throttling"),
    ],
)
async def test_overloads_are_throttling(served: Front, reason: Reason, unit: str, code: str) -> None:
    error = ResourceExhausted("full", reason=reason, metadata={"unit": unit}, retry_after=1.0)
    served.embedder.errors.append(error)
    answer = await call(model="omni", input=[{"text": "one"}])
    assert (answer.status_code, answer.code) == (429, code)


async def test_long_texts_of_one_peace_are_refused_or_cut(served: Front) -> None:
    text = "长" * 71
    refused = await call(model=ONE_PEACE, input=[{"text": text}])
    assert (refused.status_code, refused.code) == (400, "InvalidParameter")
    assert "input.contents[0].text: has 71 characters" in refused.message
    assert (await call(model=ONE_PEACE, input=[{"text": text}], auto_truncation=True)).status_code == 200
    assert served.embedder.requests[-1].contents[0].parts[0].body == text[:70]


async def test_a_request_as_the_seed_writes_it_has_its_weights_as_texts(served: Front, secret: str) -> None:
    """The seed's curl: factors are texts, and there is no workspace."""
    body = {
        "model": ONE_PEACE,
        "input": {
            "contents": [
                {"image": "https://x.example/the_starry_night.jpg", "factor": "5"},
                {"text": "what is your name", "factor": "0.5"},
                {"audio": "https://x.example/cow.flac"},
            ]
        },
        "parameters": {"auto_truncation": True},
    }
    answer = await served.post(MULTIMODAL, body, {"X-DashScope-ApiKey": secret})
    assert answer.status == 200
    assert [part.weight for part in served.embedder.requests[0].contents[0].parts] == [5.0, 0.5, 1.0]


async def test_names_of_the_vendor_exist_only_for_models_of_their_dimension(keys: Keys) -> None:
    async with front(OmniEmbedder(with_dimension(1024)), aliases=dict.fromkeys(ALIASES, "omni")) as served:
        answers = {
            model: (await served.post(MULTIMODAL, {"model": model, "input": {"contents": ["one"]}})).json().get("code")
            for model in (*ALIASES, "bge-m3")
        }
        listed = (await served.send("GET", "/api/v1/models?page_no=1&page_size=10")).json()["output"]
    assert answers == {
        ONE_PEACE: "Model.NotExist",
        "tongyi-embedding-vision-plus": "Model.NotExist",
        "multimodal-embedding-v1": None,
        "bge-m3": "Model.NotExist",
    }
    assert (listed["total"], listed["models"]) == (2, [{"model": "omni"}, {"model": "multimodal-embedding-v1"}])


@pytest.mark.parametrize("stream", [False, True])
async def test_conversations_have_no_model_streams_included(served: Front, stream: bool) -> None:
    messages = [{"role": "user", "content": [{"text": "?"}]}]

    def converse() -> Any:
        answer = MultiModalConversation.call(model="qwen-vl-max", messages=messages, stream=stream)
        return next(iter(answer)) if stream else answer

    answer = await in_thread(converse)
    assert (answer.status_code, answer.code) == (404, "Model.NotExist")


async def allowed(served: Front, secret: str) -> dict[str, Any]:
    answer = await served.send(
        "GET", "/api/v1/uploads?action=getPolicy&model=omni", headers={"authorization": f"Bearer {secret}"}
    )
    return dict(answer.json()["data"])


async def upload(
    policy: dict[str, Any], key: str = "", content: bytes = b"x", url: str = ""
) -> tuple[int, dict[str, Any]]:
    form = aiohttp.FormData()
    form.add_field("key", key or f"{policy['upload_dir']}/a.png")
    form.add_field("file", content, filename="a.png")
    async with aiohttp.ClientSession() as session, session.post(url or policy["upload_host"], data=form) as answer:
        return answer.status, json.loads(await answer.read())


async def embed_image(served: Front, uri: str, secret: str) -> tuple[int, str]:
    body = {"model": "omni", "input": {"contents": [{"image": uri}]}}
    answer = await served.post(MULTIMODAL, body, {"authorization": f"Bearer {secret}"})
    return answer.status, answer.json().get("message", "")


async def test_an_upload_is_good_for_the_key_that_made_it_alone(served: Front, secret: str, keys: Keys) -> None:
    policy = await allowed(served, secret)
    assert (await upload(policy))[0] == 200
    uri = f"oss://{policy['upload_dir']}/a.png"
    other = keys.make(KeyRole.ADMIN)[1].text
    assert await embed_image(served, uri, secret) == (200, "")
    refused = (400, "input.contents[0].image: there is no such upload of this key, or its time is over")
    assert await embed_image(served, uri, other) == refused
    assert await embed_image(served, f"{uri}x", secret) == refused
    assert (await allowed(served, secret))["upload_dir"] != policy["upload_dir"]


async def test_an_upload_is_never_overwritten(served: Front, secret: str) -> None:
    policy = await allowed(served, secret)
    assert (await upload(policy, content=b"first"))[0] == 200
    status, body = await upload(policy, content=b"second")
    assert (status, body["code"]) == (409, "Conflict")
    await embed_image(served, f"oss://{policy['upload_dir']}/a.png", secret)
    assert served.embedder.requests[-1].contents[0].parts[0].body == Media(data=b"first")


@pytest.mark.parametrize(
    "name", ["../a.png", "..", "", "a/b.png", "/etc/passwd", "../../../../etc/passwd", "a\0.png", "a\r\nb.png"]
)
async def test_uploads_stay_in_their_folder(served: Front, secret: str, name: str) -> None:
    policy = await allowed(served, secret)
    status, _ = await upload(policy, f"{policy['upload_dir']}/{name}")
    assert status in {400, 403}
    kept = [file for file in (served.folder / "uploads").rglob("*") if file.is_file()]
    assert kept == []


async def test_an_upload_of_another_folder_is_refused(served: Front, secret: str, keys: Keys) -> None:
    mine = await allowed(served, secret)
    theirs = await allowed(served, keys.make()[1].text)
    status, body = await upload(mine, f"{theirs['upload_dir']}/a.png")
    assert (status, body["code"]) == (403, "AccessDenied")


async def test_an_upload_without_a_good_ticket_is_refused_before_its_body_is_read(served: Front, secret: str) -> None:
    policy = await allowed(served, secret)
    base, ticket, signature = policy["upload_host"].rsplit("/", 2)
    forged = {
        f"{base}/{ticket}/{signature[:-1]}0" if signature[-1] != "0" else f"{base}/{ticket}/{signature[:-1]}1",
        f"{base}/{ticket}x/{signature}",
        f"{base}/{ticket}/",
        f"{base}/eyJmb2xkZXIiOiIifQ/{'0' * 64}",
    }
    for url in forged:
        assert (await upload(policy, url=url))[0] in {403, 404}
    host, _, path = base.removeprefix("http://").partition("/")
    assert host == served.address
    declared = {"content-length": str(1 << 40)}
    assert (await served.post(f"/{path}/{ticket}x/{signature}", b"", declared)).status == 403


async def test_a_file_that_is_too_large_is_refused(keys: Keys) -> None:
    _, secret = keys.make()
    limits = {"max_file_bytes": 100, "max_key_bytes": 150}
    async with front(guard=KeyGuard(keys.ring, local=True), uploads=limits) as served:
        policy = await allowed(served, secret.text)
        assert (await upload(policy, content=b"x" * 101))[0] == 400
        assert (await upload(policy, content=b"x" * 100))[0] == 200
        full, body = await upload(policy, f"{policy['upload_dir']}/b.png", b"x" * 100)
    assert (full, body["code"]) == (429, "Throttling")


@pytest.mark.parametrize("body", [b"", b"--x", b"--x\r\nContent-Disposition: form-data\r\n\r\n--x--"])
async def test_a_body_that_is_no_form_is_refused(served: Front, secret: str, body: bytes) -> None:
    policy = await allowed(served, secret)
    path = policy["upload_host"].removeprefix(served.url)
    for kind in ("multipart/form-data; boundary=x", "multipart/form-data", "text/plain", ""):
        answer = await served.post(path, body, {"content-type": kind})
        assert (answer.status, answer.json()["code"]) == (400, "InvalidParameter")


async def test_every_path_has_the_envelope(served: Front, secret: str) -> None:
    shown = {"authorization": f"Bearer {secret}"}
    answers = [
        await served.post("/api/v1/nothing", {}, shown),
        await served.send("GET", MULTIMODAL, headers=shown),
        await served.post(MULTIMODAL, b"{", shown),
        await served.post(MULTIMODAL, {}),
        await served.send("GET", "/api/v1/uploads", headers=shown),
        await served.post(MULTIMODAL, {}, {**shown, "x-dashscope-workspace": "../x"}),
        await served.post("/oss-upload/x", b""),
    ]
    assert [answer.status for answer in answers] == [404, 405, 400, 401, 400, 400, 404]
    for answer in answers:
        assert answer.json().keys() == {"code", "message", "request_id"}
        assert answer.json()["request_id"] == answer.headers["x-request-id"]


async def test_a_field_of_the_wrong_type_is_named(served: Front, secret: str) -> None:
    body = {"model": "omni", "input": {"contents": [{"text": 5}]}}
    answer = await served.post(MULTIMODAL, body, {"authorization": f"Bearer {secret}"})
    assert "input.contents[0].text" in answer.json()["message"]


async def test_an_option_that_the_model_refuses_is_named_as_the_client_knows_it(served: Front) -> None:
    error = InvalidArgument("options.outputs: no sparse", field="options.outputs", reason=Reason.OPTION_UNSUPPORTED)
    served.embedder.errors.append(error)
    answer = await in_thread(TextEmbedding.call, model="omni", input=["one"], output_type="sparse")
    assert (answer.code, answer.message) == ("InvalidParameter", "parameters.output_type: no sparse")
