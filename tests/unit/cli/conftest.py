"""Runs commands against a mesh in memory."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
import typer.testing
from memory_mesh import MemoryMesh
from typer.testing import CliRunner

from sensorium import Client
from sensorium.cli.application import app
from sensorium.cli.options import Before
from sensorium.cli.session import Connection


@dataclass(frozen=True)
class Ran:
    """What a command left."""

    status: int
    out: str
    err: str

    def documents(self) -> list[Any]:
        """Return the lines of stdout as JSON."""
        return [json.loads(line) for line in self.out.splitlines()]

    def errors(self) -> list[Any]:
        """Return the JSON lines of stderr as errors."""
        lines = [json.loads(line) for line in self.err.splitlines() if line.startswith("{")]
        return [line["error"] for line in lines]


Run = Callable[..., Ran]


@pytest.fixture(scope="session", autouse=True)
def built_once() -> Iterator[None]:
    """Builds the command tree once; a runner would build all of it for each command."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(typer.testing, "_get_command", cache(typer.testing._get_command))
        yield


@pytest.fixture
def mesh() -> MemoryMesh:
    return MemoryMesh()


@pytest.fixture
def connections() -> list[Connection]:
    return []


@pytest.fixture
def run(mesh: MemoryMesh, connections: list[Connection], monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("COLUMNS", "200")

    def dial(connection: Connection) -> Client:
        connections.append(connection)
        return Client(workspace=connection.workspace, timeout=connection.timeout, connect=mesh.connect)

    def invoke(*arguments: str, stdin: str | bytes | None = None) -> Ran:
        result = CliRunner().invoke(app, arguments, input=stdin, obj=Before(dial=dial))
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Ran(result.exit_code, result.stdout, result.stderr)

    return invoke


@pytest.fixture
def garage(run: Run) -> str:
    assert run("collection", "create", "garage", "--model", "letters").status == 0
    return "garage"
