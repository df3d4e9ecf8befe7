"""`sensorium model`: which models a mesh serves, and how they are fetched, built and verified."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sensorium.cli.options import command
from sensorium.cli.session import Session

if TYPE_CHECKING:
    from sensorium.model.embedding import Calibration

Name = Annotated[str, typer.Argument(metavar="MODEL", help="The model's id; empty means the mesh's default.")]
Built = Annotated[str, typer.Argument(metavar="MODEL", help="Its folder in the model repository.", show_default=False)]
Weights = Annotated[
    Path | None,
    typer.Option(exists=True, dir_okay=False, help="The published weights file, instead of the package that holds it."),
]
HubAddress = Annotated[
    str | None,
    typer.Option(metavar="URL", help="The model hub; SENSORIUM_TRITON__HUB sets it too.", show_default=False),
]
Target = Annotated[
    str | None,
    typer.Option(
        metavar="HOST:PORT",
        help="The gRPC address of a running Triton; SENSORIUM_TRITON__TARGET sets it too.",
        show_default="one of its own",
    ),
]

group = typer.Typer(no_args_is_help=True)


@group.command("list")
@command
def list_(session: Session) -> None:
    """List the models that the mesh serves.

    [green]sensorium model list[/]
    """
    from sensorium.cli.tables import models_table

    with session.client() as client:
        models = client.models()
    session.output.show_each(models, models_table(models))


@group.command()
@command
def show(session: Session, model: Name = "") -> None:
    """Show one model: what it is for, what it takes and gives.

    [green]sensorium model show all-minilm-l6-v2 --json[/]
    """
    from rich.console import Group

    from sensorium.cli.tables import models_table

    with session.client() as client:
        found = client.model(model)
    session.output.show(
        found,
        Group(
            models_table([found]),
            found.description,
            f"Languages: {', '.join(found.languages)}.",
            f"Vectors: {', '.join(found.outputs)}.",
            f"Several parts of one content: {', '.join(found.fusions) or 'not taken'}.",
            *map(_tagging, found.calibrations),
        ),
    )


@group.command()
@command
def build(session: Session, model: Built, weights: Weights = None) -> None:
    """Build a model on this machine, from verified weights, so that a mesh can serve it.

    [green]sensorium model build all-minilm-l6-v2[/]

    [green]sensorium model build all-minilm-l6-v2 --weights model.safetensors[/]
    """
    import asyncio

    from sensorium.cli.configuration import settings
    from sensorium.cli.steps import steps
    from sensorium.triton.build import build_model

    triton = settings().triton
    with steps(session.output) as progress:
        building = build_model(
            model, triton.model_repository, weights=weights, progress=progress, environment=triton.environment
        )
        built = asyncio.run(building)
    session.output.show({"model": model, "built": built}, f"{model} {'is built' if built else 'was built before'}")


@group.command()
@command
def pull(session: Session, model: Built, hub: HubAddress = None) -> None:
    """Fetch a model's weights from a model hub, and build what else it needs. What was cut short is gone on with.

    [green]sensorium model pull all-minilm-l6-v2[/]

    [green]sensorium model pull all-minilm-l6-v2 --hub https://hub.example.com[/]
    """
    import asyncio

    from sensorium.cli.configuration import settings
    from sensorium.cli.steps import steps
    from sensorium.triton.build import build_model
    from sensorium.triton.hub import Hub

    triton = settings().triton
    source = Hub(hub or triton.hub, timeout_seconds=triton.hub_timeout_seconds)
    with steps(session.output) as progress:
        pulling = build_model(
            model, triton.model_repository, hub=source, progress=progress, environment=triton.environment
        )
        pulled = asyncio.run(pulling)
    session.output.show({"model": model, "pulled": pulled}, f"{model} {'is pulled' if pulled else 'was there before'}")


@group.command()
@command
def verify(session: Session, model: Built, target: Target = None) -> None:
    """Check a model: the hash of every file, canaries on a Triton, and parity with a reference that is installed.

    [green]sensorium model verify starter-trimodal-v1[/]

    [green]sensorium model verify all-minilm-l6-v2 --target 127.0.0.1:8001[/]
    """
    import asyncio
    import sys

    from sensorium.cli import verification
    from sensorium.cli.configuration import settings
    from sensorium.telemetry.logs import configure_logs

    configured = settings()
    configure_logs(configured.telemetry.model_copy(update={"log_level": "CRITICAL"}), sys.stderr)  # The table says it.
    triton = configured.triton.model_copy(update={"target": target} if target else {})
    found = asyncio.run(verification.verify(triton, model))
    session.output.show(found, verification.verification_table(found))
    found.raise_for_faults()


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="model", help="List, show, fetch, build and verify embedding models.")


def _tagging(fitted: "Calibration") -> str:
    """Return how a model tags contents of one modality."""
    known = f"; {len(fitted.tag_intercepts)} tags are known by name" if fitted.tag_intercepts else ""
    return f"Tags {fitted.modality} from a score of {fitted.threshold:g}{known}."
