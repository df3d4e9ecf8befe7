"""A progress bar with count, rate and remaining time, on stderr; a terminal sees it move, a log sees nothing of it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sensorium.cli.output import Output

if TYPE_CHECKING:
    from rich.progress import Progress, Task
    from rich.text import Text

Advance = Callable[[int], None]
Follow = Callable[[int, int], None]


@contextmanager
def progress(output: Output, description: str, total: int | None, *, prints_results: bool = False) -> Iterator[Advance]:
    """Show a bar during the body, which is given the function to call with how many more items are done.

    A body that prints results meanwhile has no bar on a terminal that shows them: the two would mix.
    """
    with _bar(output, hidden=prints_results and output.results.is_terminal) as bar:
        task = bar.add_task(description, total=total)
        yield lambda items: bar.advance(task, items)


@contextmanager
def followed(output: Output, description: str) -> Iterator[Follow]:
    """Show a bar during the body, which is given the function to call with how many items are done, and of how many."""
    with _bar(output) as bar:
        task = bar.add_task(description, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total or None)


def _bar(output: Output, *, hidden: bool = False) -> "Progress":
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    class RateColumn(ProgressColumn):
        """Items a second."""

        def render(self, task: "Task") -> "Text":
            from rich.text import Text

            speed = task.finished_speed or task.speed
            return Text(f"{speed:,.0f}/s" if speed else "")

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        RateColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=output.messages,
        disable=not output.messages.is_terminal or hidden,
    )
