"""Draws the course of a run: the loss and the validation figures over its epochs."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from sensorium.train.history import Mark

mpl.use("Agg")


def draw(courses: Mapping[str, Sequence[Mark]], path: Path) -> None:
    """Write a picture with a row for each course: its loss on the left, its figures on the right."""
    drawn = {name: course for name, course in courses.items() if course}
    figure = Figure(figsize=(11, 3.2 * max(1, len(drawn))), layout="constrained")
    axes = figure.subplots(max(1, len(drawn)), 2, squeeze=False)
    for (name, course), (left, right) in zip(drawn.items(), axes, strict=True):
        left.plot([mark.epoch for mark in course], [mark.loss for mark in course], color="tab:red")
        left.set(title=f"{name}: loss", xlabel="epoch")
        evaluated = [mark for mark in course if mark.figures]
        for figure_name in evaluated[-1].figures if evaluated else ():
            values = [mark.figures[figure_name] for mark in evaluated]
            right.plot([mark.epoch for mark in evaluated], values, marker=".", label=figure_name)
        right.set(title=f"{name}: validation", xlabel="epoch", ylim=(0, 1))
        if evaluated:
            right.legend(fontsize="small")
        right.grid(alpha=0.3)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100)
