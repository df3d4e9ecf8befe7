"""What holds for every command: its shared options, its help, its errors and their exit status."""

import json
import subprocess
import sys
from typing import Any

import pytest
from memory_mesh import MemoryMesh

from sensorium.cli.choices import (
    DTypeName,
    ExportFormatName,
    FusionName,
    JobStateName,
    KeyRoleName,
    MetricName,
    OutputName,
    RoleName,
    RoleOfProcess,
    TagGroupName,
    TruncationName,
)
from sensorium.cli.failures import exit_status
from sensorium.cli.session import Connection
from sensorium.errors import (
    AlreadyExists,
    DeadlineExceeded,
    Internal,
    InvalidArgument,
    NotFound,
    ResourceExhausted,
    SensoriumError,
    Unauthenticated,
    Unavailable,
)
from sensorium.model.access import KeyRole
from sensorium.model.dataset_export import ExportFormat, TagGroup
from sensorium.model.dataset_job import JobState
from sensorium.model.embedding import EmbedRole, Fusion, ModelState, OutputKind, Truncation
from sensorium.model.vector import DType, Metric
from sensorium.settings import Role

COMMANDS = [
    *(["up"], ["demo"], ["status"], ["health"], ["embed"], ["search"]),
    *(["collection", each] for each in ("create", "list", "get", "delete")),
    *(["document", each] for each in ("upsert", "get", "count", "delete")),
    *(["key", each] for each in ("create", "list", "revoke")),
    *(["model", each] for each in ("list", "show", "build")),
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_teaches_by_example(run: Any, command: list[str]) -> None:
    ran = run(*command, "--help")
    assert ran.status == 0
    assert " ".join(["sensorium", *command]) in ran.out.replace("Usage: ", "", 1).split("Usage", 1)[-1]
    assert "--json" in ran.out


def test_help_explains_the_exit_status(run: Any) -> None:
    assert "4 the mesh is not running" in run("--help").out


def test_shared_options_stand_before_the_command_or_after(run: Any, connections: list[Connection]) -> None:
    run("--address", "a:1", "--timeout", "2", "--workspace", "mine", "status")
    run("status", "--address", "a:1", "--timeout", "2", "--workspace", "mine")
    run("--address", "b:2", "status", "--address", "a:1", "--timeout", "2", "--workspace", "mine")
    assert connections == [Connection("a:1", 2.0, "mine")] * 3


def test_the_environment_names_an_address_and_an_option_wins(
    run: Any, connections: list[Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    run("status")
    monkeypatch.setenv("SENSORIUM_ADDRESS", "c:3")
    run("status")
    run("--address", "a:1", "status")
    assert [each.address for each in connections] == ["127.0.0.1:50051", "c:3", "a:1"]


def test_json_may_stand_before_the_command(run: Any) -> None:
    assert run("--json", "model", "list").documents()[0]["name"] == "letters"


def test_an_error_is_one_line_with_what_helps(run: Any) -> None:
    ran = run("collection", "get", "none")
    assert (ran.status, ran.out) == (3, "")
    assert ran.err == (
        "error COLLECTION_NOT_FOUND: there is no collection workspaces/default/collections/none (field name)\n"
    )


def test_an_error_as_json_goes_to_stderr(run: Any, mesh: MemoryMesh) -> None:
    error = ResourceExhausted("full", metadata={"queue": "bulk"})
    error.add_note("request id: r7")
    mesh.embedder.errors = [error]
    ran = run("model", "list", "--json")
    assert (ran.status, ran.out) == (4, "")
    assert json.loads(ran.err) == {
        "error": {"reason": "QUEUE_FULL", "message": "full", "request_id": "r7", "queue": "bulk"}
    }


def test_an_address_where_nobody_answers_says_how_to_start_a_mesh(run: Any, mesh: MemoryMesh) -> None:
    mesh.embedder.errors = [Unavailable("failed to connect")]
    ran = run("status")
    assert ran.status == 4
    assert "Nobody answers at 127.0.0.1:50051. Start a mesh with `sensorium up`" in ran.err


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Internal("x"), 1),
        (InvalidArgument("x"), 2),
        (NotFound("x"), 3),
        (Unavailable("x"), 4),
        (DeadlineExceeded("x"), 4),
        (AlreadyExists("x"), 5),
        (Unauthenticated("x"), 7),
    ],
)
def test_each_kind_of_error_has_its_exit_status(error: SensoriumError, status: int) -> None:
    assert exit_status(error) == status


def test_status_tells_models_and_collections(run: Any, mesh: MemoryMesh, garage: str) -> None:
    (told,) = run("status", "--json").documents()
    assert told["ready"] is True
    assert [each["name"] for each in told["models"]] == ["letters"]
    assert [each["id"] for each in told["collections"]] == ["garage"]
    assert "is ready" in run("status").out


def test_status_fails_while_a_model_is_loading(run: Any, mesh: MemoryMesh) -> None:
    mesh.embedder.state = ModelState.LOADING
    ran = run("status")
    assert ran.status == 4
    assert "is not ready" in ran.out


def test_a_model_is_shown_with_what_it_is_for(run: Any) -> None:
    shown = run("model", "show").out
    assert all(
        each in shown for each in ("Counts letters.", "Vectors: dense.", "Several parts of one content: not taken.")
    )
    assert run("model", "show", "none").status == 3


@pytest.mark.parametrize(
    ("offered", "known"),
    [
        (DTypeName, DType),
        (ExportFormatName, ExportFormat),
        (TagGroupName, TagGroup),
        (JobStateName, JobState),
        (RoleName, EmbedRole),
        (OutputName, OutputKind),
        (FusionName, Fusion),
        (TruncationName, Truncation),
        (MetricName, Metric),
        (RoleOfProcess, Role),
        (KeyRoleName, KeyRole),
    ],
)
def test_options_offer_what_the_domain_knows(offered: Any, known: Any) -> None:
    assert list(map(str, offered)) == list(map(str, known))


def test_help_loads_neither_numpy_nor_grpc_nor_the_server() -> None:
    heavy = "{'numpy', 'grpc', 'google.protobuf', 'pydantic', 'structlog', 'sqlalchemy', 'starlette'}"
    check = f"import sys, sensorium.cli.application; sys.exit(sorted({heavy} & sys.modules.keys()) or 0)"
    loaded = subprocess.run([sys.executable, "-c", check], check=False, capture_output=True, text=True, timeout=30)
    assert (loaded.returncode, loaded.stderr) == (0, "")
