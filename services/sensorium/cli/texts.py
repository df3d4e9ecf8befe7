"""The texts that a command works on: arguments, lines of a file, or lines of stdin."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from sensorium.cli import lines

Texts = Annotated[list[str] | None, typer.Argument(metavar="TEXT...", help="The texts; - reads one a line from stdin.")]
Lines = Annotated[Path | None, typer.Option("--file", exists=True, dir_okay=False, help="A file with one text a line.")]


@dataclass(frozen=True, slots=True)
class GivenTexts:
    """Texts, and how many they are; None when that cannot be known before they are read."""

    texts: Iterable[str]
    count: int | None


@contextmanager
def texts_given(texts: list[str] | None, file: Path | None) -> Iterator[GivenTexts]:
    """Open what a command was given: arguments, stdin or a file."""
    if bool(texts) == bool(file):
        raise typer.BadParameter("give texts, or - for stdin, or --file")
    if texts and texts != ["-"]:
        yield GivenTexts(texts, len(texts))
        return
    with lines.opened(file or lines.STDIN) as opened:
        yield GivenTexts((line.text() for line in opened), opened.count)
