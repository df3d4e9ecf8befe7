"""`sensorium status`: whether a mesh answers, and what it holds."""

import time

import typer

from sensorium.cli.failures import ExitStatus
from sensorium.cli.options import command
from sensorium.cli.session import Session


@command
def status(session: Session) -> None:
    """Tell whether the mesh answers, which models are ready, and what it holds.

    It ends with 4 when nobody answers or a model is not ready, so that a script can wait:

    [green]until sensorium status; do sleep 1; done[/]
    """
    from rich.console import Group

    from sensorium.cli.tables import collections_table, models_table
    from sensorium.model.embedding import ModelState

    with session.client() as client:
        started = time.monotonic()
        models = client.models()
        answer_ms = (time.monotonic() - started) * 1000
        collections = list(client.collections())
    ready = bool(models) and all(model.state is ModelState.READY for model in models)
    address = session.connection.address
    session.output.show(
        {
            "address": address,
            "ready": ready,
            "answer_ms": round(answer_ms, 3),
            "models": models,
            "collections": collections,
        },
        Group(
            f"{address} {'is ready' if ready else 'is not ready'} (answered in {answer_ms:.0f} ms)",
            models_table(models),
            collections_table(collections) if collections else "no collections",
        ),
    )
    if not ready:
        raise typer.Exit(ExitStatus.UNAVAILABLE)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(status)
