"""Says where the next files of a listing are, so that the catalog looks at few others."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from pyroaring import BitMap

from sensorium.dataset.bitmaps.number_column import NOTHING
from sensorium.dataset.bitmaps.positions import Positions, bitmap_of, positions_in
from sensorium.dataset.bitmaps.uri_blocks import Stretch
from sensorium.dataset.bitmaps.version_bitmaps import VersionBitmaps
from sensorium.dataset.file_order import Span
from sensorium.model.dataset_file import FileOrder, SortBy

# So many files are sorted rather than walked to.
FEW = 2000


@dataclass(frozen=True, slots=True)
class Few:
    """Some files, by their keys, in no order."""

    keys: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Walk:
    """Files by URI, behind `beyond` unless that is None, on the stretches where there are any; it is taken once."""

    found: BitMap
    stretches: Iterator[Stretch]
    beyond: str | None = None


Step = Few | Walk


def page_plan(bitmaps: VersionBitmaps, found: BitMap, span: Span) -> list[Step]:
    """Return the steps that lead to the found files of a span; the files of each step follow those of the last."""
    if len(found) <= FEW:
        return [_few(bitmaps, positions_in(found))]
    if span.order.by is SortBy.URI:
        return [_walk(bitmaps, found, span.order, span.place.uri if span.place else None)]
    return _by_value(bitmaps, positions_in(found), span)


def _by_value(bitmaps: VersionBitmaps, found: Positions, span: Span) -> list[Step]:
    order, place, limit = span.order, span.place, span.limit
    # Turned round, the last is the first. Nothing is as small as NOTHING, and turning that is harmless below.
    numbers = bitmaps.numbers[order.by.value].values[found]
    keyed = ~numbers if order.descending else numbers
    steps = []
    if place is not None:
        value = NOTHING if place.value is None else place.value
        at = ~value if order.descending else value
        steps.append(_step(bitmaps, found[keyed == at], order, place.uri))
        found, keyed = found[keyed > at], keyed[keyed > at]
    if len(found) > limit:
        last = np.partition(keyed, limit - 1)[limit - 1]
        steps += [_few(bitmaps, found[keyed < last]), _step(bitmaps, found[keyed == last], order, None)]
    else:
        steps.append(_few(bitmaps, found))
    return steps


def _step(bitmaps: VersionBitmaps, found: Positions, order: FileOrder, beyond: str | None) -> Step:
    if len(found) <= FEW:
        return _few(bitmaps, found)
    return _walk(bitmaps, bitmap_of(found), order, beyond)


def _walk(bitmaps: VersionBitmaps, found: BitMap, order: FileOrder, beyond: str | None) -> Walk:
    return Walk(found, bitmaps.blocks.stretches(positions_in(found), beyond, descending=order.descending), beyond)


def _few(bitmaps: VersionBitmaps, found: Positions) -> Few:
    return Few(tuple(bitmaps.keys[found].tolist()))
