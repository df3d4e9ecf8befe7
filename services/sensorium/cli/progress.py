"""A progress bar with count, rate and remaining time, on stderr; a terminal sees it move, a log sees nothing of it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sensorium.cli.output import Output

if TYPE_CHECKING:
    from rich.progress import Task
    from rich.text import Text

Advance = Callable[[int], None]


@contextmanager
def progress(output: Output, description: str, total: int | None, *, prints_results: bool = False) -> Iterator[Advance]:
    """Show a bar during the body, which is given the function to call with how many more items are done.

    A body that prints results meanwhile has no bar on a terminal that shows them: the two would mix.
    """
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

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        RateColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=output.messages,
        disable=not output.messages.is_terminal or (prints_results and output.results.is_terminal),
    )
    with bar:
        task = bar.add_task(description, total=total)
        yield lambda items: bar.advance(task, items)
