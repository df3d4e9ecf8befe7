"""What decoding gives: a tensor of one image or sound, and what was cut to make it."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Cut:
    """What was longer than the model takes: its length, the limit, and their unit."""

    actual: float
    limit: float
    unit: str


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """One image or sound as its tower reads it, without the batch axis; `cut` is None when all of it is there."""

    tensor: NDArray[np.generic]
    cut: Cut | None = None


class Decoder(Protocol):
    """Reads the encoded files of one modality for one tower; called in threads."""

    @property
    def max_bytes(self) -> int:
        """The largest file."""
        ...

    def decode(self, data: bytes) -> Decoded:
        """Return what the file holds.

        Raises:
            InvalidArgument: MEDIA_UNDECODABLE, CONTENT_TOO_LONG or CONTENT_EMPTY.
        """
        ...
