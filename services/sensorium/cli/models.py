"""`sensorium model`: which models a mesh serves, and how they are built."""

from pathlib import Path
from typing import Annotated

import typer

from sensorium.cli.options import command
from sensorium.cli.session import Session

Name = Annotated[str, typer.Argument(metavar="MODEL", help="The model's id; empty means the mesh's default.")]
Built = Annotated[str, typer.Argument(metavar="MODEL", help="Its folder in the model repository.", show_default=False)]
Weights = Annotated[
    Path | None,
    typer.Option(exists=True, dir_okay=False, help="The published weights file, instead of the package that holds it."),
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
            f"Languages: {', '.join(found.languages)}. Licence: {found.license}.",
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


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="model", help="List, show and build embedding models.")
