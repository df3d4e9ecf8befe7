"""One lane of waiting parts, found by call (whose turn is it?) and by length (what goes well with it?)."""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Generic

from sensorium.embed.work import Item, Payload, Work


class Lane(Generic[Payload]):
    """Parts that wait, by call and by length; each step takes constant time.

    `tokens` is how much waits, in tokens of text or in parts of media.
    """

    def __init__(self) -> None:
        self.tokens = 0
        self._works: OrderedDict[Work[Payload], None] = OrderedDict()
        self._by_length: dict[int, OrderedDict[Item[Payload], None]] = {}

    def __bool__(self) -> bool:
        return bool(self._works)

    def works(self) -> Iterator[Work[Payload]]:
        """Return the calls that wait, the next in turn first."""
        return iter(self._works)

    def add(self, work: Work[Payload]) -> None:
        """Let every part of `work` wait, behind the calls that are here."""
        self._works[work] = None
        for item in work.items:
            item.waiting = True
            work.waiting_tokens += item.length
            self._by_length.setdefault(item.length, OrderedDict())[item] = None
        self.tokens += work.waiting_tokens

    def discard(self, work: Work[Payload]) -> None:
        """Forget what still waits of `work`."""
        if work in self._works:
            for item in work.items:
                if item.waiting:
                    self._take(item)

    def take_next(self) -> Item[Payload]:
        """Take the oldest part of the call whose turn it is; the lane must not be empty.

        Calls take turns, so that a call of one part waits for one batch of a call of thousands, not for all.
        """
        work = next(iter(self._works))
        self._works.move_to_end(work)
        item = work.first_waiting()
        self._take(item)
        return item

    def lengths_near(self, length: int) -> list[int]:
        """Return the lengths of waiting parts, the nearest to `length` first."""
        return sorted(self._by_length, key=lambda each: abs(each - length))

    def take_of_length(self, length: int) -> Item[Payload] | None:
        """Take the oldest part of exactly this length; None when there is none left."""
        items = self._by_length.get(length)
        if not items:
            return None
        item = next(iter(items))
        self._take(item)
        return item

    def _take(self, item: Item[Payload]) -> None:
        work, items = item.work, self._by_length[item.length]
        del items[item]
        if not items:
            del self._by_length[item.length]
        item.waiting = False
        work.waiting_tokens -= item.length
        self.tokens -= item.length
        if not work.waiting_tokens:
            del self._works[work]
