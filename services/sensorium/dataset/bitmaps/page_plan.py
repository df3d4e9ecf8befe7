"""Says among which files the next page of a listing is, so that the catalog looks at few others."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import chain

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from sensorium.dataset.bitmaps.number_column import NOTHING
from sensorium.dataset.bitmaps.positions import Positions, positions_in
from sensorium.dataset.bitmaps.version_bitmaps import VersionBitmaps
from sensorium.dataset.file_order import FilePlace, Span
from sensorium.model.dataset_file import SortBy

Keys = Sequence[int]


def page_plan(bitmaps: VersionBitmaps, found: BitMap, span: Span) -> Iterator[Keys]:
    """Yield the keys of found files in groups until those of a span are among them; each group follows the last.

    What the bitmaps are needed for is done at once, so that the groups may be taken when they have changed.
    """
    if span.order.by is SortBy.URI:
        return _by_uri(bitmaps, positions_in(found), span, span.place)
    return _by_value(bitmaps, positions_in(found), span)


def _by_value(bitmaps: VersionBitmaps, found: Positions, span: Span) -> Iterator[Keys]:
    numbers = bitmaps.numbers[span.order.by.value].values[found]
    # Turned round, the last is the first.
    keyed = ~numbers if span.order.descending else numbers
    groups: list[Iterable[Keys]] = []
    if span.place is not None:
        value = NOTHING if span.place.value is None else span.place.value
        at = ~value if span.order.descending else value
        groups.append(_by_uri(bitmaps, found[keyed == at], span, span.place))
        found, keyed = found[keyed > at], keyed[keyed > at]
    if len(found) > span.limit:
        last = np.partition(keyed, span.limit - 1)[span.limit - 1]
        groups += [[_keys(bitmaps.keys, found[keyed < last])], _by_uri(bitmaps, found[keyed == last], span, None)]
    else:
        groups.append([_keys(bitmaps.keys, found)])
    return chain.from_iterable(groups)


def _by_uri(bitmaps: VersionBitmaps, found: Positions, span: Span, place: FilePlace | None) -> Iterator[Keys]:
    beyond = place.uri if place else None
    groups = bitmaps.blocks.groups(found, beyond, span.limit, descending=span.order.descending)
    return map(partial(_keys, bitmaps.keys), groups)


def _keys(keys: NDArray[np.int64], positions: Positions) -> Keys:
    found: list[int] = keys[positions].tolist()
    return found
