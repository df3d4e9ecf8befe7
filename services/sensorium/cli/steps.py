"""Progress of work in named steps whose size in bytes is known or not, on stderr."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sensorium.cli.output import Output

if TYPE_CHECKING:
    from rich.progress import TaskID

Step = Callable[[str, int, int], None]


@contextmanager
def steps(output: Output) -> Iterator[Step]:
    """Show steps during the body, which is given the function to call with a step's name, bytes done and in all.

    The function may be called from any thread. A log sees each step once.
    """
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

    terminal = output.messages.is_terminal
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeElapsedColumn(),
        console=output.messages,
        disable=not terminal,
    )
    tasks: dict[str, TaskID] = {}

    def step(name: str, done: int, total: int) -> None:
        if name not in tasks:
            tasks[name] = bar.add_task(name, total=total or None)
            if not terminal:
                output.say(f"{name} …")
        bar.update(tasks[name], completed=done, total=total or None)

    with bar:
        yield step
