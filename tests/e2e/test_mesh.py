"""The whole mesh as a user starts it: one process, a real Triton, and nothing left behind."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from mesh_process import ROOT, MeshProcess

from sensorium import Client, Document
from sensorium.errors import DeadlineExceeded, NotFound, Reason, Unavailable

GOLDEN = ROOT / "tests" / "unit" / "golden"
DTYPES = ("float32", "float16", "int8", "binary")


def http_get(address: str, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://{address}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def cosine(left: np.ndarray, right: np.ndarray) -> float:
    return float(left @ right / (np.linalg.norm(left) * np.linalg.norm(right)))


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_points_the_same_way(mesh: MeshProcess, dtype: str) -> None:
    with Client(mesh.grpc_address) as client:
        exact = client.embed(["a red bicycle"]).vectors[0]
        stored = client.embed(["a red bicycle"], dtype=dtype).vectors[0]
    assert cosine(exact, stored) > (0.7 if dtype == "binary" else 0.999)


def test_what_was_written_is_found_and_can_be_deleted(mesh: MeshProcess) -> None:
    with Client(mesh.grpc_address) as client:
        client.create_collection("vehicles", model="all-minilm-l6-v2")
        client.upsert("vehicles", [Document("bike", text="a red bicycle"), Document("car", text="a blue car")])
        assert [hit.document.id for hit in client.search("vehicles", "two wheels and pedals", top_k=1)] == ["bike"]
        client.delete("vehicles", ["bike"])
        assert [hit.document.id for hit in client.search("vehicles", "two wheels and pedals", top_k=2)] == ["car"]
        client.delete_collection("vehicles", force=True)
        with pytest.raises(NotFound):
            client.get_collection("vehicles")


def test_texts_are_tagged_by_a_definition_and_by_its_older_version(mesh: MeshProcess) -> None:
    told = json.loads((ROOT / "samples" / "driving-tags.json").read_text())
    with Client(mesh.grpc_address) as client:
        client.create_tag_definition("driving", told["tags"], guide_prompt=told["guide_prompt"])
        seen = ["a bicycle leans against a wheelchair", "we drive into the tunnel", "my tax return is late", " "]
        tagged = client.tag("driving", seen, candidates=1)
        assert [tagged[index].tags[0].tag for index in range(2)] == ["Non-motorized vehicles", "Tunnels"]
        assert tagged[2].tags == ()
        assert tagged[2].candidates[0].score < 0.5
        assert tagged.errors[3].reason is Reason.CONTENT_EMPTY
        client.update_tag_definition("driving", tags={"Taxes": "What is paid to the state."})
        assert [each.tag for each in client.tag("driving", seen[2])[0].tags] == ["Taxes"]
        assert client.tag("driving", seen[2], version=1)[0].tags == ()
        client.delete_tag_definition("driving")


def test_http_tells_life_readiness_and_metrics(mesh: MeshProcess) -> None:
    assert http_get(mesh.http_address, "/healthz")[0] == 200
    assert http_get(mesh.http_address, "/readyz")[0] == 200
    status, metrics = http_get(mesh.http_address, "/metrics")
    assert status == 200
    assert "sensorium_" in metrics


def test_buf_curl_finds_the_contract_by_reflection(mesh: MeshProcess) -> None:
    answer = subprocess.run(
        [
            Path(sys.executable).parent / "buf",
            "curl",
            "--protocol=grpc",
            "--http2-prior-knowledge",
            '--data={"contents": [{"parts": [{"text": "a red bicycle"}]}]}',
            f"http://{mesh.grpc_address}/sensorium.v1.EmbedService/Embed",
        ],
        capture_output=True,
        check=True,
        timeout=30,
    )
    result = json.loads(answer.stdout)
    assert result["results"][0]["embedding"]["dense"]["dimension"] == 384


def test_a_model_that_is_not_there_is_reported_and_the_rest_serves(tmp_path: Path) -> None:
    running = MeshProcess.start(tmp_path, SENSORIUM_EMBED__MODELS='["all-minilm-l6-v2", "nonsense"]')
    try:
        code = running.process.wait(60)
        assert code != 0
        assert "nonsense" in running.log.read_text()
    finally:
        running.stop(signal.SIGKILL)


def test_sigterm_leaves_nothing_behind(own_mesh: MeshProcess) -> None:
    children = own_mesh.descendants()
    assert children, "Triton should be running"
    assert own_mesh.stop() == 0
    assert [child for child in children if Path(f"/proc/{child}").exists()] == []


def test_kill_9_leaves_no_triton_behind_and_loses_no_write(own_mesh: MeshProcess, tmp_path: Path) -> None:
    with Client(own_mesh.grpc_address) as client:
        client.create_collection("kept", model="all-minilm-l6-v2")
        client.upsert("kept", [Document(str(number), text=f"document {number}") for number in range(50)])
    children = own_mesh.descendants()
    own_mesh.stop(signal.SIGKILL)
    wait_until(lambda: not any(Path(f"/proc/{child}").exists() for child in children))
    again = MeshProcess.start(tmp_path).wait_serving()
    try:
        with Client(again.grpc_address) as client:
            assert client.count("kept") == 50
            assert next(iter(client.search("kept", "document 7", top_k=1))).document.id == "7"
    finally:
        assert again.stop() == 0


def test_the_mesh_answers_again_after_triton_dies(own_mesh: MeshProcess) -> None:
    with Client(own_mesh.grpc_address) as client:
        before = client.embed(["a red bicycle"]).vectors
        os.kill(own_mesh.triton(), signal.SIGKILL)
        wait_until(lambda: http_get(own_mesh.http_address, "/readyz")[0] == 503)
        assert http_get(own_mesh.http_address, "/healthz")[0] == 200
        wait_until(lambda: http_get(own_mesh.http_address, "/readyz")[0] == 200)
        assert np.array_equal(client.embed(["a red bicycle"]).vectors, before)


def test_calls_during_an_outage_of_triton_say_unavailable(own_mesh: MeshProcess) -> None:
    os.kill(own_mesh.triton(), signal.SIGKILL)
    wait_until(lambda: http_get(own_mesh.http_address, "/readyz")[0] == 503)
    with Client(own_mesh.grpc_address, timeout=0.2) as client, pytest.raises((Unavailable, DeadlineExceeded)):
        client.embed(["a red bicycle"])


def wait_until(condition: object, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.05)
