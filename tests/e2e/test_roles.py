"""Each role as a process of its own: the gateway finds the others by their addresses and follows their health."""

import signal
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from mesh_process import MeshProcess

from sensorium import Client, Document
from sensorium.errors import FailedPrecondition, Reason


@dataclass(frozen=True)
class Roles:
    """Four processes that are one mesh."""

    gateway: MeshProcess
    embed: MeshProcess
    search: MeshProcess
    tag: MeshProcess


@pytest.fixture
def roles(tmp_path: Path) -> Iterator[Roles]:
    started = []

    def start(role: str, **environment: str) -> MeshProcess:
        folder = tmp_path / role
        folder.mkdir()
        started.append(MeshProcess.start(folder, "--role", role, **environment))
        return started[-1]

    try:
        embed, search = start("embed"), start("search")
        targets = {
            "SENSORIUM_EMBED__TARGET": embed.wait_serving().grpc_address,
            "SENSORIUM_SEARCH__TARGET": search.wait_serving().grpc_address,
        }
        tag = start("tag", SENSORIUM_EMBED__TARGET=targets["SENSORIUM_EMBED__TARGET"]).wait_serving()
        targets["SENSORIUM_TAG__TARGET"] = tag.grpc_address
        yield Roles(start("gateway", **targets).wait_serving(), embed, search, tag)
    finally:
        for process in reversed(started):
            process.stop(signal.SIGKILL)


@pytest.fixture
def separate_triton(tmp_path: Path) -> Iterator[MeshProcess]:
    folder = tmp_path / "triton"
    folder.mkdir()
    process = MeshProcess.start(folder, "--role", "triton")
    yield process
    process.stop(signal.SIGKILL)


def readiness(process: MeshProcess) -> int:
    try:
        with urllib.request.urlopen(f"http://{process.http_address}/readyz", timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def wait_for_readiness(process: MeshProcess, status: int) -> None:
    end = time.monotonic() + 30
    while readiness(process) != status:
        assert time.monotonic() < end, f"/readyz never said {status}"
        time.sleep(0.05)


def test_the_processes_answer_as_one(roles: Roles) -> None:
    with Client(roles.gateway.grpc_address) as client:
        client.create_collection("vehicles", model="all-minilm-l6-v2")
        client.upsert("vehicles", [Document("bike", text="a red bicycle"), Document("car", text="a blue car")])
        assert next(iter(client.search("vehicles", "two wheels", top_k=1))).document.id == "bike"


def test_the_tag_role_tags_by_the_embed_role(roles: Roles) -> None:
    for address in (roles.gateway.grpc_address, roles.tag.grpc_address):
        with Client(address) as client:
            name = f"d{address.rpartition(':')[2]}"
            client.create_tag_definition(name, ["bicycle", "car"])
            assert client.tag(name, "a red bicycle")[0].tags[0].tag == "bicycle"


def test_contents_at_the_search_role_are_refused(roles: Roles) -> None:
    with Client(roles.gateway.grpc_address) as client:
        client.create_collection("vehicles", model="all-minilm-l6-v2")
    with Client(roles.search.grpc_address) as client, pytest.raises(FailedPrecondition) as raised:
        client.search("vehicles", "two wheels")
    assert raised.value.reason is Reason.CONTENT_NOT_EMBEDDED


def test_the_gateway_is_ready_only_while_its_backends_are(roles: Roles) -> None:
    assert readiness(roles.gateway) == 200
    roles.search.stop(signal.SIGKILL)
    wait_for_readiness(roles.gateway, 503)
    with Client(roles.gateway.grpc_address) as client:
        assert client.embed("a red bicycle").vectors.shape == (1, 384)


def test_an_embed_role_uses_the_triton_of_a_role_of_its_own(separate_triton: MeshProcess, tmp_path: Path) -> None:
    separate_triton.wait_serving()
    target = separate_triton.wait_for("triton_serving")["target"]
    folder = tmp_path / "embed"
    folder.mkdir()
    embed = MeshProcess.start(folder, "--role", "embed", SENSORIUM_TRITON__TARGET=target)
    try:
        with Client(embed.wait_serving().grpc_address) as client:
            assert client.embed("a red bicycle").vectors.shape == (1, 384)
        assert embed.stop() == 0
        assert readiness(separate_triton) == 200
        assert separate_triton.stop() == 0
    finally:
        embed.stop(signal.SIGKILL)


def test_a_triton_that_anybody_could_call_is_not_started(tmp_path: Path) -> None:
    process = MeshProcess.start(tmp_path, "--role", "triton", SENSORIUM_TRITON__HOST="0.0.0.0")
    assert process.process.wait(60) == 5
    assert "SENSORIUM_TRITON__ALLOW_PUBLIC" in process.log.read_text()
