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
        type: The type of its values; None where each record has its own, and what is asked follows the literal.
        key: Where a record has its value, unique among the fields.
        tokens: Whether `:` can be asked of it.
    """

    name: str
    type: AttributeType | None
    key: str
    tokens: bool = False


class Fields:
    """The fields of one kind of record, found by name.

    Args:
        fields: The fields, in the order in which errors list them.
        aliases: Other names, and the name that each stands for; a field's own name goes first.
        open_prefix: What names begin with that are all fields, without a type; none are where it is empty.
    """

    def __init__(
        self, fields: Iterable[Field], aliases: Mapping[str, str] | None = None, open_prefix: str = ""
    ) -> None:
        self._own = {each.name: each for each in fields}
        self._aliases = dict(aliases or {})
        self._open_prefix = open_prefix

    def __iter__(self) -> Iterator[Field]:
        return iter(self._own.values())

    @property
    def names(self) -> tuple[str, ...]:
        """Their names."""
        return (*self._own, *([f"{self._open_prefix}…"] if self._open_prefix else []))

    def like(self, name: str) -> str | None:
        """Return the name that is nearest to `name` in its letters, or None when none is near."""
        found = get_close_matches(name, [*self._aliases, *self._own], n=1)
        return found[0] if found else None

    def get(self, name: str) -> Field | None:
        """Return the field called `name`, or None."""
        found = self._own.get(name)
        if found is None and name in self._aliases:
            return self.get(self._aliases[name])
        if found is None and self._open_prefix and name.startswith(self._open_prefix) and name != self._open_prefix:
            return Field(name, None, name, tokens=True)
        return found
