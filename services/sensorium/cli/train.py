"""`sensorium train`: trains a model's towers and puts them into the model repository."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sensorium.cli.options import command
from sensorium.cli.session import Session

if TYPE_CHECKING:
    from sensorium.train.course import Course


class Part(StrEnum):
    """What is done; each part goes on where it was left."""

    ALL = "all"
    IMAGE = "image"
    AUDIO = "audio"
    SHIP = "ship"


Configuration = Annotated[
    Path, typer.Argument(metavar="FILE", help="The training's configuration (TOML).", show_default=False)
]
Data = Annotated[
    Path | None,
    typer.Option(
        help="The folder below which the data lies; SENSORIUM_TRAINING__DATA sets it too.", show_default=False
    ),
]
Folder = Annotated[
    Path | None, typer.Option(help="Where checkpoints and the plot go.", show_default=".data/training/<file's name>")
]
Chosen = Annotated[
    Part, typer.Option(help="What to do; 'ship' evaluates and exports what the checkpoints hold, finished or not.")
]
Threads = Annotated[int, typer.Option(min=1, help="Threads of each worker's operations.")]


@command
def train(
    session: Session,
    configuration: Configuration,
    *,
    data: Data = None,
    folder: Folder = None,
    part: Chosen = Part.ALL,
    threads: Threads = 1,
) -> None:
    """Train a model's image and audio towers against its text tower, and put them into the model repository.

    Stopped at any moment, it goes on where it was when it is started again. It runs in an environment of its own,
    which has torch: make train, or .venv-train/bin/sensorium.

    [green]sensorium train training/starter-trimodal-v1.toml --data data[/]

    [green]sensorium train training/starter-trimodal-v1.toml --data data --part ship[/]
    """
    from sensorium.cli.configuration import settings
    from sensorium.cli.training import course

    chosen = settings(**({"training": {"data": data}} if data else {}))
    run = folder or chosen.training.folder / configuration.stem
    _follow(course(configuration, chosen, run, session.output.say, threads), part)
    session.output.show({"folder": str(run), "part": part.value}, f"{part.value}: done; checkpoints are in {run}")


def _follow(course: "Course", part: Part) -> None:
    if part in {Part.ALL, Part.AUDIO}:
        course.train_audio()
    if part in {Part.ALL, Part.IMAGE}:
        course.train_image()
    if part in {Part.ALL, Part.SHIP}:
        course.ship()


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(train)
