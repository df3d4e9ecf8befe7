"""The images and docker-compose.yml, run for real: what they promise to whoever runs them.

Takes minutes and root, so it runs by itself: `make test-containers`.
"""

import json
import signal
from collections import defaultdict
from typing import Any
from urllib.request import Request, urlopen

import pytest
from compose_stack import ROLES, ComposeStack
from private_docker import PrivateDocker

from sensorium import Client, Document
from sensorium.errors import Unauthenticated
from sensorium.model.dataset_job import ImportWork, JobState

pytestmark = pytest.mark.timeout(900)

STOPPED_BY_SIGTERM_AT_START = 143


def nearest(client: Client, words: str) -> str:
    return next(iter(client.search("garage", words, top_k=1))).document.id


def facts_of(status: str) -> dict[str, str]:
    """Return the lines of /proc/…/status by their names."""
    return dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)


def catches_sigterm(status: str) -> bool:
    return bool(int(facts_of(status)["SigCgt"], 16) & 1 << signal.SIGTERM - 1)


def test_a_gateway_without_keys_refuses_to_start(stack: ComposeStack) -> None:
    empty = ("--env", "SENSORIUM_DATA_DIR=/tmp/empty", "--env", "SENSORIUM_MESH__TOKEN_FILE=")
    ran = ("run", "--rm", "-T", "--no-deps", *empty, "gateway", "up", "--role", "gateway")
    with pytest.raises(AssertionError, match="ended with 5"):
        stack(*ran)


def test_every_service_becomes_healthy(mesh: ComposeStack) -> None:
    assert {role: mesh.health(role) for role in ROLES} == dict.fromkeys(ROLES, "healthy")


def test_a_caller_on_the_host_embeds_stores_and_finds(client: Client) -> None:
    assert client.embed("a red bicycle").vectors.shape == (1, 384)
    assert nearest(client, "something with two wheels") == "bike"


def test_the_tag_role_tags_by_a_definition(client: Client) -> None:
    assert client.tag("vehicles", "a red bicycle")[0].tags[0].tag == "bicycle"


def test_a_client_of_another_service_embeds_over_http(mesh: ComposeStack, key: str) -> None:
    body = json.dumps({"input": "a red bicycle"}).encode()
    request = Request(f"http://{mesh.address(8080)}/v1/embeddings", body, {"authorization": f"Bearer {key}"})
    with urlopen(request, timeout=60) as answer:
        assert len(json.load(answer)["data"][0]["embedding"]) == 384


def test_the_dataset_role_imports_the_files_that_are_mounted(client: Client) -> None:
    client.datasets.create("mounted", uri="/files")
    job = client.datasets.start("mounted", ImportWork())
    assert list(client.datasets.watch(str(job.name)))[-1].state is JobState.SUCCEEDED
    assert "ATTRIBUTION.md" in {file.file_name for file in client.datasets.files("mounted")}


def test_callers_without_a_key_are_refused(mesh: ComposeStack) -> None:
    with Client(mesh.address(), timeout=60) as stranger, pytest.raises(Unauthenticated):
        stranger.embed("a red bicycle")


@pytest.mark.parametrize("role", ROLES)
def test_a_role_has_no_rights_and_nothing_to_write_to(mesh: ComposeStack, role: str) -> None:
    facts = facts_of(mesh("exec", "-T", role, "cat", "/proc/1/status"))
    assert facts["Uid"].split() == ["10001"] * 4
    assert int(facts["CapEff"], 16) == int(facts["CapBnd"], 16) == 0
    assert facts["NoNewPrivs"] == "1"
    attempt = "touch /opt/sensorium/x /etc/x 2>&1 || true"
    assert mesh("exec", "-T", role, "sh", "-c", attempt).count("Read-only file system") == 2


@pytest.mark.parametrize("role", [*ROLES, "collector"])
def test_a_service_is_limited_in_memory_and_processes(mesh: ComposeStack, role: str) -> None:
    limits: dict[str, Any] = mesh.inspect(role)["HostConfig"]
    assert limits["Memory"] > 0
    assert limits["PidsLimit"] == 512


def test_a_search_is_one_trace_through_every_role_to_the_collector(
    mesh: ComposeStack, docker: PrivateDocker, client: Client
) -> None:
    wanted = {"sensorium-gateway", "sensorium-embed", "sensorium-search", "triton"}

    def arrived() -> bool:
        # Triton loses some traces (docs/triton.md).
        assert nearest(client, "something with two wheels") == "bike"
        services: dict[str, set[str]] = defaultdict(set)
        for line in docker.run("logs", mesh.container("collector")).splitlines():
            span = json.loads(line)
            services[span["trace_id"]].add(span["service"])
        return any(wanted <= seen for seen in services.values())

    mesh.wait("one trace through every role", arrived)


def test_killed_roles_come_back_with_all_that_was_acknowledged(
    mesh: ComposeStack, docker: PrivateDocker, client: Client, key: str
) -> None:
    client.upsert("garage", [Document("kayak", text="a kayak with its paddle")])
    before = {role: mesh.inspect(role)["RestartCount"] for role in ROLES}
    docker.kill(*(mesh.container(role) for role in ROLES))
    mesh.wait("restarted", lambda: all(mesh.inspect(role)["RestartCount"] > before[role] for role in ROLES))
    mesh.wait("healthy again", lambda: all(mesh.health(role) == "healthy" for role in ROLES))
    with Client(mesh.address(), api_key=key, timeout=60) as again:
        assert nearest(again, "a kayak") == "kayak"
        assert again.tag("vehicles", "a red bicycle")[0].tags[0].tag == "bicycle"


def test_stopping_ends_every_role_by_itself_and_starting_brings_all_back(
    mesh: ComposeStack, client: Client, key: str
) -> None:
    mesh("stop", *ROLES)
    # 137 would be a role that was killed because its time was over.
    assert {role: mesh.inspect(role)["State"]["ExitCode"] for role in ROLES} == dict.fromkeys(ROLES, 0)
    mesh("up", "--detach", "--wait")
    with Client(mesh.address(), api_key=key, timeout=60) as again:
        assert nearest(again, "something with two wheels") == "bike"


def test_a_process_that_still_starts_can_be_stopped(stack: ComposeStack, docker: PrivateDocker) -> None:
    # It waits for its configuration, which nobody writes.
    waiting = "mkfifo /tmp/configuration; exec sensorium up"
    container = docker.run(
        *("run", "--detach", "--network=none", "--read-only", "--tmpfs=/tmp", "--entrypoint=sh"),
        *("--env=SENSORIUM_CONFIG=/tmp/configuration", "sensorium:latest", "-c", waiting),
    )
    try:
        stack.wait("told how to end", lambda: catches_sigterm(docker.run("exec", container, "cat", "/proc/1/status")))
        docker.run("stop", "--time=60", container)
        state = json.loads(docker.run("inspect", container))[0]["State"]
        assert state["ExitCode"] == STOPPED_BY_SIGTERM_AT_START
    finally:
        docker.run("rm", "--force", "--volumes", container)


@pytest.mark.parametrize(
    "options",
    [
        ("-f", "docker-compose.yml", "--profile", "postgres"),
        ("-f", "docker-compose.yml", "-f", "deploy/compose.ngc.yml"),
    ],
    ids=["postgres", "ngc"],
)
def test_the_variants_are_whole(stack: ComposeStack, options: tuple[str, ...]) -> None:
    services = json.loads(stack(*options, "config", "--format", "json"))["services"]
    variant = services.get("postgres", services["triton"])
    assert variant["read_only"]
    assert variant["user"] != "0:0"
    assert "build" not in variant
