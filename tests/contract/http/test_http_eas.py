"""The PAI-EAS family as the vendor's sample uses it: any path, a raw token, no content type, the body's status."""

import base64
import json
from typing import Any

import numpy as np
import pytest
import requests
from http_front import Front, front, in_thread, vector_of
from key_ring import Keys

from sensorium.gateway.keys.guard import KeyGuard
from sensorium.model.content import Content, Media

IMAGE = f"data:image/jpg;base64,{base64.b64encode(b'jpg').decode()}"


def body(*contents: Any) -> dict[str, Any]:
    return {"input": {"contents": list(contents)}}


async def posted(served: Front, path: str, token: str, *contents: Any) -> Any:
    """Post as the sample does and return the answer's JSON."""

    def post() -> Any:
        sent = json.dumps(body(*contents))
        answer = requests.post(served.url + path, data=sent, headers={"Authorization": token}, timeout=10)
        return json.loads(answer.content.decode("utf-8"))

    return await in_thread(post)


@pytest.mark.parametrize("path", ["/", "", "/api/predict/gme", "/api/predict/gme/", "/api/gme", "/api/gme/"])
async def test_the_sample_reads_vectors_at_any_path(keys: Keys, path: str) -> None:
    token = keys.make()[1].text
    async with front(guard=KeyGuard(keys.ring, local=True)) as served:
        answer = await posted(served, path, token, {"image": IMAGE}, {"text": "one"})
    assert (answer["status_code"], len(answer["message"])) == (200, 0)
    image, text = answer["output"]["embeddings"]
    assert (image["index"], image["type"], text["index"], text["type"]) == (0, "image", 1, "text")
    assert np.array_equal(np.float32(text["embedding"]), vector_of(Content.of_text("one")))
    assert served.embedder.requests[0].contents[0].parts[0].body == Media(uri=IMAGE)


async def test_a_path_can_be_configured() -> None:
    async with front(eas={"paths": ["/mine/of/old"]}) as served:
        assert (await served.post("/mine/of/old", body("one"))).json()["status_code"] == 200
        assert (await served.post("/api/gme", body("one"))).status == 404


@pytest.mark.parametrize("status", [200, 204])
async def test_partial_success_keeps_indices_and_tells_reasons(status: int) -> None:
    async with front(eas={"partial_status": status}) as served:
        answer = await served.post("/", body("one", {"text": "bad"}, {"image": "no base64!"}, {}, {"text": "two"}))
    told = answer.json()
    assert (answer.status, told["status_code"]) == (200, status)
    assert [each["index"] for each in told["output"]["embeddings"]] == [0, 4]
    assert [reason.partition(":")[0].partition(" ")[0] for reason in told["message"]] == [
        "input.contents[1].parts[0].text",
        "input.contents[2].image",
        "input.contents[3]",
    ]


async def test_failures_have_their_status_in_the_body_too(keys: Keys) -> None:
    token = keys.make()[1].text
    async with front(guard=KeyGuard(keys.ring, local=True)) as served:
        shown = {"authorization": token}
        answers = [
            await served.post("/", body("one")),
            await served.post("/", body({"text": "bad"}), shown),
            await served.post("/", body(), shown),
            await served.post("/", b"{", shown),
            await served.post("/", {**body("one"), "model": "other"}, shown),
            await served.send("GET", "/api/gme", headers=shown),
        ]
    assert [(answer.status, answer.json()["status_code"]) for answer in answers] == [
        (code, code) for code in (401, 400, 400, 400, 404, 405)
    ]
    assert all(len(answer.json()["message"]) == 1 for answer in answers)


async def test_the_documented_model_is_the_configured_one() -> None:
    async with front(eas={"model": "omni"}) as served:
        answer = await served.post("/", {**body("one"), "model": "pai-multimodal-embedding-v1"})
    assert answer.status == 200
    assert served.embedder.requests[0].model == "omni"
