"""One inference request, made of waiting parts of like length."""

from dataclasses import dataclass
from typing import Generic

from sensorium.embed.lane import Lane
from sensorium.embed.work import Item, Payload
from sensorium.model.embedding import Priority

# One more inference request costs about as much as this much padding (docs/limits.md says how that was measured).
_PADDING_TOKENS = 16
_PADDING_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class Batch(Generic[Payload]):
    """Parts that go to the inference server together, padded to `length` each."""

    items: tuple[Item[Payload], ...]
    length: int
    priority: Priority

    @property
    def tokens(self) -> int:
        """How much it holds, padding aside."""
        return sum(item.length for item in self.items)

    @property
    def deadline(self) -> float | None:
        """The latest deadline of its calls: while one of them waits, the work is worth doing."""
        deadlines = [item.work.call.deadline for item in self.items]
        return None if None in deadlines else max(each for each in deadlines if each is not None)


def take_batch(lane: Lane[Payload], priority: Priority, *, max_tokens: int, max_items: int) -> Batch[Payload]:
    """Take a batch from a lane that is not empty: the part whose turn it is, joined by those nearest to it in length.

    A part joins while the batch, padding included, stays within `max_tokens`, and the padding costs less than an
    inference request of its own. The first is taken however long it is.
    """
    first = lane.take_next()
    items, longest, tokens = [first], first.length, first.length
    for length in lane.lengths_near(first.length):
        while len(items) < max_items:
            joined_longest = max(longest, length)
            padded = joined_longest * (len(items) + 1)
            if padded > max_tokens or padded - tokens - length > max(_PADDING_TOKENS, _PADDING_SHARE * padded):
                break
            item = lane.take_of_length(length)
            if item is None:
                break
            items.append(item)
            longest, tokens = joined_longest, tokens + length
    return Batch(tuple(items), longest, priority)
