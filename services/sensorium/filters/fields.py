"""The fields that filters may name."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from sensorium.model.collection import AttributeType


@dataclass(frozen=True, slots=True)
class Field:
    """One field of what is filtered.

    Attributes:
        name: How canonical filters name it.
        type: The type of its values.
        key: Where a record has its value, unique among the fields.
        tokens: Whether `:` can be asked of it.
    """

    name: str
    type: AttributeType
    key: str
    tokens: bool = False


class Fields:
    """The fields of one kind of record, found by name.

    Args:
        fields: The fields, in the order in which errors list them.
        aliases: Other names, and the name that each stands for; a field's own name goes first.
    """

    def __init__(self, fields: Iterable[Field], aliases: Mapping[str, str] | None = None) -> None:
        self._own = {each.name: each for each in fields}
        self._named = {alias: self._own[name] for alias, name in (aliases or {}).items()} | self._own

    def __iter__(self) -> Iterator[Field]:
        return iter(self._own.values())

    @property
    def names(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(self._own)

    def like(self, name: str) -> str | None:
        """Return the name that is nearest to `name` in its letters, or None when none is near."""
        found = get_close_matches(name, self._named, n=1)
        return found[0] if found else None

    def get(self, name: str) -> Field | None:
        """Return the field called `name`, or None."""
        return self._named.get(name)
