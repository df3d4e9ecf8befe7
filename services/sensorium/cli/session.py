"""What one run of a client command has: the mesh to call, and where to print."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import typer

from sensorium.cli.failures import ExitStatus, exit_status, request_id
from sensorium.cli.output import Output
from sensorium.errors import SensoriumError, Unavailable

if TYPE_CHECKING:
    from sensorium.client import Client

DEFAULT_ADDRESS = "127.0.0.1:50051"
DEFAULT_TIMEOUT = 30.0
START_A_MESH = (
    "Nobody answers at {address}. Start a mesh with `sensorium up` (or `make demo`), or name another with --address."
)


@dataclass(frozen=True, slots=True)
class Connection:
    """How to reach a mesh."""

    address: str = DEFAULT_ADDRESS
    timeout: float = DEFAULT_TIMEOUT
    workspace: str = "default"
    api_key: str | None = field(default=None, repr=False)
    tls_ca: str | None = None


Dial = Callable[[Connection], "Client"]


def dial(connection: Connection) -> "Client":
    """Return a client, not yet open."""
    from sensorium.client import Client

    return Client(
        connection.address,
        api_key=connection.api_key,
        tls_ca=connection.tls_ca,
        timeout=connection.timeout,
        workspace=connection.workspace,
    )


@dataclass(frozen=True, slots=True)
class Session:
    """One run of a command."""

    connection: Connection = Connection()
    output: Output = field(default_factory=lambda: Output(json=False))
    dial: Dial = dial

    @contextmanager
    def client(self) -> Iterator["Client"]:
        """Open a client for the body; an error because nobody answered says how to start a mesh."""
        with self.dial(self.connection) as client:
            try:
                yield client
            except Unavailable as error:
                if not request_id(error):
                    error.add_note(START_A_MESH.format(address=self.connection.address))
                raise

    @contextmanager
    def reporting(self) -> Iterator[None]:
        """Turn an expected error of the body into a message and an exit status."""
        try:
            yield
        except SensoriumError as error:
            self.output.fail(error)
            raise typer.Exit(exit_status(error)) from None

    def partial(self, failed: int, total: int, what: str) -> None:
        """End with the status for partial failure when items failed."""
        if failed:
            self.output.say(f"{failed:,} of {total:,} {what} failed")
            raise typer.Exit(ExitStatus.PARTIAL)
