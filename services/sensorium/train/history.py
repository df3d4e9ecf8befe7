"""The course of a run, epoch by epoch: what is printed, plotted and kept."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a run stood after an epoch.

    Attributes:
        epoch: Counted from 1, of `epochs`.
        loss: The mean of the epoch's steps.
        figures: The validation figures by name; empty after epochs that were not evaluated.
    """

    epoch: int
    epochs: int
    loss: float
    figures: Mapping[str, float]

    def fields(self) -> dict[str, Any]:
        """Return the mark as plain values."""
        return asdict(self)

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> Self:
        """Return the mark that `fields` gave."""
        return cls(int(fields["epoch"]), int(fields["epochs"]), float(fields["loss"]), dict(fields["figures"]))

    def line(self) -> str:
        """Return the mark for people."""
        figures = "".join(f"  {name} {value:.3f}" for name, value in self.figures.items())
        return f"epoch {self.epoch}/{self.epochs}  loss {self.loss:.3f}{figures}" if self.epochs else f"begun{figures}"
