"""Counts how many files have each value of an attribute, whatever its type."""

from collections import Counter

from sensorium.model.document import AttributeValue


class ValueCounts:
    """Counts by value; a list counts for each of its texts, and a floating-point number that is whole as that one."""

    def __init__(self) -> None:
        # 1 and TRUE are equal to Python.
        self._counts: Counter[tuple[type, AttributeValue]] = Counter()

    def add(self, value: AttributeValue, count: int) -> None:
        """Count a value of some files."""
        match value:
            case tuple():
                for text in dict.fromkeys(value):
                    self.add(text, count)
            case float() if value.is_integer() and abs(value) < 1 << 63:
                self.add(int(value), count)
            case _:
                self._counts[type(value), value] += count

    def pairs(self) -> list[tuple[AttributeValue, int]]:
        """Return each value with its count."""
        return [(value, count) for (_, value), count in self._counts.items()]


def value_order(value: AttributeValue) -> tuple[int, AttributeValue]:
    """Return what values of all types sort by: numbers, then texts, then truths."""
    return (float, str, bool).index(float if type(value) is int else type(value)), value
