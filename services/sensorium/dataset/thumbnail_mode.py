"""Reads how large a thumbnail should be, in the grammar of OSS's image resizing."""

import re
from dataclasses import dataclass
from enum import StrEnum

from sensorium.errors import InvalidArgument

DEFAULT = "h_200"
MOST_PIXELS = 4096
_SHAPE = re.compile(r"p_([0-9]{1,3})|w_([0-9]{1,5})|h_([0-9]{1,5})|(m_.+)")
_PART = re.compile(r"([wh])_([0-9]{1,5})|color_([0-9A-Fa-f]{6})")
EXPECTED = (
    "p_{1..100}, w_{n}, h_{n}, m_pad,w_{n},h_{n},color_{RRGGBB}, m_fill,w_{n},h_{n} or m_fixed,w_{n},h_{n}, "
    f"with n from 1 to {MOST_PIXELS}"
)


class Fit(StrEnum):
    """How a picture comes into a box."""

    INSIDE = "lfit"
    PAD = "pad"
    FILL = "fill"
    FIXED = "fixed"


@dataclass(frozen=True, slots=True)
class ThumbnailMode:
    """The size of a thumbnail; 0 is open. With a percentage there is no width and no height."""

    fit: Fit = Fit.INSIDE
    width: int = 0
    height: int = 0
    percent: int = 0
    colour: str = "FFFFFF"


def read_mode(text: str, field: str = "mode") -> ThumbnailMode:
    """Return what `text` says; empty means `h_200`. Raises InvalidArgument."""
    found = _SHAPE.fullmatch(text or DEFAULT)
    mode = None
    if found:
        percent, width, height, box = found.groups()
        mode = (
            _box(box)
            if box
            else ThumbnailMode(width=int(width or 0), height=int(height or 0), percent=int(percent or 0))
        )
    if mode is None or not _is_possible(mode):
        raise InvalidArgument(f"{field}: {text[:64]!r} is none of {EXPECTED}", field=field)
    return mode


def _box(text: str) -> ThumbnailMode | None:
    kind, *parts = text.removeprefix("m_").split(",")
    found = [_PART.fullmatch(part) for part in parts]
    if kind not in set(Fit) - {Fit.INSIDE} or not all(found):
        return None
    sizes = {each[1]: int(each[2]) for each in found if each and each[1]}
    colours = [each[3].upper() for each in found if each and each[3]]
    if len(sizes) + len(colours) != len(parts) or set(sizes) != {"w", "h"} or len(colours) > (kind == Fit.PAD):
        return None
    return ThumbnailMode(Fit(kind), sizes["w"], sizes["h"], colour=colours[0] if colours else "FFFFFF")


def _is_possible(mode: ThumbnailMode) -> bool:
    if mode.percent:
        return mode.percent <= 100
    sides = (mode.width, mode.height)
    return any(sides) and all(side <= MOST_PIXELS for side in sides) and (mode.fit is Fit.INSIDE or all(sides))
