"""`sensorium health`: whether the process of this machine or container is ready, for whatever starts and watches it."""

from typing import Annotated

import typer

from sensorium.cli.failures import ExitStatus
from sensorium.cli.options import command
from sensorium.cli.session import Session

At = Annotated[
    str | None,
    typer.Option(
        metavar="HOST:PORT",
        help="The HTTP address to ask; the settings of the process name it otherwise.",
        show_default="127.0.0.1:8080",
    ),
]


@command
def health(session: Session, at: At = None) -> None:
    """Tell whether a process is ready, by its HTTP address, with the settings that it runs with.

    It needs no key. It ends with 4 while the process is not ready.

    [green]sensorium health[/]

    [green]sensorium health --at 127.0.0.1:8081 --json[/]
    """
    from sensorium.telemetry.probe import failing_checks

    at = at or _own_address()
    failing = failing_checks(at, session.connection.timeout)
    why = "; ".join(f"{check}: {reason}" for check, reason in failing.items())
    session.output.show(
        {"address": at, "ready": not failing, "failing": failing},
        f"{at} is not ready: {why}" if failing else f"{at} is ready",
    )
    if failing:
        raise typer.Exit(ExitStatus.UNAVAILABLE)


def _own_address() -> str:
    from sensorium.cli.configuration import settings
    from sensorium.rpc.address import local_address

    http = settings().http
    return local_address(http.host, http.port)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(health)
