"""Checkpoints: all that a run needs to go on as if it had never stopped, whole on disk or not there at all."""

import os
import pickle
from pathlib import Path
from typing import Any

import torch

from sensorium.errors import FailedPrecondition

Contents = dict[str, Any]


def write_checkpoint(path: Path, contents: Contents) -> None:
    """Write a checkpoint; after a kill at any moment the old one or the new one is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    with partial.open("wb") as stream:
        torch.save(contents, stream)
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(path)


def read_checkpoint(path: Path, recipe: str | None = None) -> Contents | None:
    """Return the checkpoint of a run, or None where there is none yet; without a recipe, any will do.

    Raises:
        FailedPrecondition: It is damaged, or the configuration has changed since.
    """
    if not path.is_file():
        return None
    try:
        contents: Contents = torch.load(path, weights_only=True)
    except (RuntimeError, OSError, EOFError, ValueError, pickle.UnpicklingError) as error:
        raise FailedPrecondition(f"{path} is damaged: remove it to begin again") from error
    if recipe is not None and contents["recipe"] != recipe:
        raise FailedPrecondition(
            f"{path} was made with another configuration: name another folder, or remove it to begin again"
        )
    return contents
