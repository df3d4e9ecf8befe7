"""The images and sounds that a command works on: files here, or URIs that the mesh can reach."""

from collections.abc import Iterable
from typing import Annotated

import typer

from sensorium.model.content import Part

Images = Annotated[
    list[str] | None, typer.Option("--image", metavar="PATH", help="An image: a file or a URI.", show_default=False)
]
Sounds = Annotated[
    list[str] | None, typer.Option("--audio", metavar="PATH", help="A sound: a file or a URI.", show_default=False)
]
Named = tuple[str, Part]


def media_given(images: Iterable[str] | None, sounds: Iterable[str] | None) -> list[Named]:
    """Return the images, then the sounds, each with its name."""
    from sensorium.client import audio, image

    try:
        return [(name, image(name)) for name in images or ()] + [(name, audio(name)) for name in sounds or ()]
    except OSError as error:
        raise typer.BadParameter(f"{error.filename}: {error.strerror}") from None
