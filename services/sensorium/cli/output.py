"""What commands print: results to stdout, for people or as JSON; everything else to stderr."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from sensorium.cli.failures import described, hints, one_line
from sensorium.errors import SensoriumError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

T = TypeVar("T")


class Output:
    """Prints the results and the messages of one command.

    Args:
        json: Whether results are JSON, one document a line.
    """

    def __init__(self, *, json: bool) -> None:
        self.json = json

    @cached_property
    def results(self) -> "Console":
        """Where results go."""
        from rich.console import Console

        return Console(highlight=False)

    @cached_property
    def messages(self) -> "Console":
        """Where messages and progress go."""
        from rich.console import Console

        return Console(stderr=True, highlight=False, soft_wrap=True)

    def show(self, document: object, readable: "RenderableType") -> None:
        """Print one result: `document` as JSON, or `readable` for people."""
        if self.json:
            self.results.out(json.dumps(plain(document), ensure_ascii=False))
        else:
            self._print(readable)

    def show_each(self, documents: Iterable[object], readable: "RenderableType") -> None:
        """Print several results: each as a line of JSON, or all as `readable` for people."""
        if not self.json:
            self._print(readable)
            return
        for document in documents:
            self.show(document, "")

    def show_coming(self, documents: Iterable[T], readable: "Callable[[T], RenderableType]", nothing: str) -> None:
        """Print results as they come, or the message that there are none."""
        empty = True
        for document in documents:
            self.show(document, readable(document))
            empty = False
        if empty:
            self.say(nothing)

    def _print(self, readable: "RenderableType") -> None:
        """Print a text without breaking its lines, so that a pipe gets them whole; a table fits the terminal."""
        from rich.text import Text

        self.results.print(readable, markup=False, soft_wrap=isinstance(readable, str | Text))

    def say(self, message: str) -> None:
        """Print a message."""
        self.messages.print(message, markup=False)

    def fail(self, error: SensoriumError, **place: object) -> None:
        """Print an error; as JSON with the `place` where it stands."""
        if self.json:
            self.messages.out(json.dumps({"error": described(error) | place}, ensure_ascii=False))
        else:
            self.messages.print("[bold red]error[/]", end=" ")
            self.say(one_line(error))
        for hint in hints(error):
            self.say(hint)


def plain(value: Any) -> Any:
    """Return what the client gives as what JSON knows: an array as a list, a time in ISO 8601, None left out.

    What has a text of its own, as the names of resources have, is that text, which other commands take.
    """
    match value:
        case SensoriumError():
            return described(value)
        case Mapping():
            return {str(name): plain(each) for name, each in value.items() if each is not None}
        case list() | tuple():
            return [plain(each) for each in value]
        case _ if is_dataclass(value) and type(value).__str__ is not object.__str__:
            return str(value)
        case _ if is_dataclass(value):
            return plain({field.name: getattr(value, field.name) for field in fields(value)})
        case _:
            return _plain_leaf(value)


def _plain_leaf(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if hasattr(value, "tolist"):
        # The shortest decimals that mean the same float32.
        return [float(str(component)) for component in value]
    return value
