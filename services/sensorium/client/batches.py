"""Cuts long work into calls that are neither too many items nor too many bytes."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

# A quarter of the largest message that servers take by default, as sizes are estimates.
MAX_BATCH_BYTES = 8 << 20


def batches(
    items: Iterable[T], max_items: int, size: Callable[[T], int], max_bytes: int = MAX_BATCH_BYTES
) -> Iterator[list[T]]:
    """Yield `items` in order, in lists of at most `max_items` items and about `max_bytes` bytes.

    An item that is larger than `max_bytes` travels alone.
    """
    if max_items < 1:
        raise ValueError(f"a batch needs at least 1 item, not {max_items}")
    batch: list[T] = []
    filled = 0
    for item in items:
        item_bytes = size(item)
        if batch and (len(batch) == max_items or filled + item_bytes > max_bytes):
            yield batch
            batch, filled = [], 0
        batch.append(item)
        filled += item_bytes
    if batch:
        yield batch
