"""What a command works on: arguments, lines of a file or of stdin, and images and sounds."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from sensorium.cli import lines
from sensorium.cli.media import Named
from sensorium.model.content import Content, Part

Texts = Annotated[list[str] | None, typer.Argument(metavar="TEXT...", help="The texts; - reads one a line from stdin.")]
Lines = Annotated[Path | None, typer.Option("--file", exists=True, dir_okay=False, help="A file with one text a line.")]


Labelled = tuple[str, str | Part | Content]  # what it is called when it is shown, and what it is


@dataclass(frozen=True, slots=True)
class GivenContents:
    """Texts, images and sounds, and how many they are; None when that cannot be known before they are read."""

    contents: Iterable[Labelled]
    count: int | None


@contextmanager
def contents_given(texts: list[str] | None, file: Path | None, media: Sequence[Named]) -> Iterator[GivenContents]:
    """Open what a command was given: arguments, stdin or a file, and images and sounds."""
    if media and not texts and not file:
        yield GivenContents(media, len(media))
        return
    with texts_given(texts, file) as given:
        count = None if given.count is None else given.count + len(media)
        yield GivenContents(chain(((text, text) for text in given.texts), media), count)


def joined(given: GivenContents) -> GivenContents:
    """Return one content of all that was given."""
    from sensorium.client.contents import as_content

    labelled = list(given.contents)
    parts = tuple(part for _, each in labelled for part in as_content(each).parts)
    return GivenContents([(" + ".join(label for label, _ in labelled), Content(parts))], 1)


def given_bytes(given: Labelled) -> int:
    """Return about how many bytes one takes on the wire."""
    from sensorium.client.contents import as_content, content_bytes

    return content_bytes(as_content(given[1]))


@dataclass(frozen=True, slots=True)
class GivenTexts:
    """Texts, and how many they are; None when that cannot be known before they are read."""

    texts: Iterable[str]
    count: int | None


@contextmanager
def texts_given(texts: list[str] | None, file: Path | None) -> Iterator[GivenTexts]:
    """Open what a command was given: arguments, stdin or a file."""
    if bool(texts) == bool(file):
        raise typer.BadParameter("give texts, or - for stdin, or --file, or images or sounds")
    if texts and texts != ["-"]:
        yield GivenTexts(texts, len(texts))
        return
    with lines.opened(file or lines.STDIN) as opened:
        yield GivenTexts((line.text() for line in opened), opened.count)
