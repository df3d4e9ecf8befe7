"""The images and sounds that a command works on: files here, or URIs that the mesh can reach."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from sensorium.model.content import Content, Part

if TYPE_CHECKING:
    from sensorium.client import QueryPart

Images = Annotated[
    list[str] | None, typer.Option("--image", metavar="PATH", help="An image: a file or a URI.", show_default=False)
]
Sounds = Annotated[
    list[str] | None, typer.Option("--audio", metavar="PATH", help="A sound: a file or a URI.", show_default=False)
]
Without = Annotated[
    list[str] | None, typer.Option(help="Words that hits shall not be like; may be given again.", show_default=False)
]
Named = tuple[str, Part]

WITHOUT_WEIGHT = -0.5


def media_given(images: Iterable[str] | None, sounds: Iterable[str] | None) -> list[Named]:
    """Return the images, then the sounds, each with its name."""
    from sensorium.client import audio, image

    try:
        return [(name, image(name)) for name in images or ()] + [(name, audio(name)) for name in sounds or ()]
    except OSError as error:
        raise typer.BadParameter(f"{error.filename}: {error.strerror}") from None


def query_given(
    words: str | None, images: Iterable[str] | None, sounds: Iterable[str] | None, without: Iterable[str] | None
) -> "list[str | Part | QueryPart]":
    """Return what to look for, of any kind, and what hits shall not be like.

    Raises:
        typer.BadParameter: There are only words that hits shall not be like.
    """
    from sensorium.client import QueryPart

    wanted: list[str | Part | QueryPart] = [words] if words is not None else []
    wanted += [part for _, part in media_given(images, sounds)]
    unwanted = [QueryPart(Content.of_text(each), WITHOUT_WEIGHT) for each in without or ()]
    if unwanted and not wanted:
        raise typer.BadParameter("--without needs something that is looked for: words, images or sounds")
    return [*wanted, *unwanted]
