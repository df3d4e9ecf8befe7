"""Random records and filters over every type of field."""

from collections.abc import Iterable
from datetime import UTC, datetime

from hypothesis import strategies as st

from sensorium.filters.fields import Field
from sensorium.filters.printer import canonical
from sensorium.filters.tree import (
    All,
    AnyOf,
    Comparison,
    Contains,
    Filter,
    Match,
    Negation,
    OneOf,
    Operator,
    Present,
    Scalar,
)
from sensorium.model.collection import AttributeField, AttributeType
from sensorium.model.document import AttributeValue

DECLARED = (
    AttributeField("title", AttributeType.STRING),
    AttributeField("year", AttributeType.INT),
    AttributeField("price", AttributeType.DOUBLE),
    AttributeField("open", AttributeType.BOOL),
    AttributeField("seen", AttributeType.TIME),
    AttributeField("colours", AttributeType.STRING_LIST),
)
PHRASES = ("red", "car", "Red Car", "Füße", "足", "夜 路", "r2")
# Few values, so that filters often hold; odd ones, so that quoting is tried.
TEXTS = st.sampled_from(
    [
        "red car",
        "Red-Car!",
        "a red, red car",
        "FÜSSE",
        "夜の路",
        "it's",
        'say "x"',
        "\\",
        "\\'",
        "%",
        "_",
        "",
        "car\nred",
    ]
) | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=6)
WHOLES = st.sampled_from([-(2**63), -1, 0, 1, 2020, 2**53 + 1, 2**63 - 1]) | st.integers(-3, 3)
NUMBERS = st.sampled_from([-1.5, 0.0, 0.1, 1e300, 5e-324, 1e15 + 1, 1 / 3]) | st.floats(
    allow_nan=False, allow_infinity=False
).map(lambda number: number + 0.0)
TIMES = st.sampled_from(
    [datetime(1, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999999, UTC)]
) | st.datetimes(timezones=st.just(UTC))
VALUES: dict[AttributeType | None, st.SearchStrategy[Scalar]] = {
    None: TEXTS | WHOLES | NUMBERS | st.booleans(),
    AttributeType.STRING: TEXTS,
    AttributeType.INT: WHOLES,
    AttributeType.DOUBLE: NUMBERS,
    AttributeType.BOOL: st.booleans(),
    AttributeType.TIME: TIMES,
    AttributeType.STRING_LIST: TEXTS,
}
LISTS = st.lists(TEXTS, max_size=3, unique=True).map(tuple)
ORDERED = frozenset({AttributeType.STRING, AttributeType.INT, AttributeType.DOUBLE, AttributeType.TIME})
EQUALITY = (Operator.EQUAL, Operator.UNEQUAL)


def attributes() -> st.SearchStrategy[dict[str, AttributeValue]]:
    """Return values for some of the declared attributes."""
    kinds = {each.field: LISTS if each.type is AttributeType.STRING_LIST else VALUES[each.type] for each in DECLARED}
    return st.fixed_dictionaries({}, optional=kinds)


def terms(field: Field) -> st.SearchStrategy[Filter]:
    """Return tests of one field."""
    value = VALUES[field.type]
    kinds: list[st.SearchStrategy[Filter]] = [
        st.just(Present(field)),
        st.lists(value, min_size=1, max_size=3, unique_by=repr).map(lambda values: OneOf(field, tuple(values))),
    ]
    if field.type in {AttributeType.STRING_LIST, None}:
        kinds.append(TEXTS.map(lambda text: Contains(field, text)))
    if field.type is None:
        kinds.append(st.builds(Comparison, st.just(field), st.sampled_from(Operator), TEXTS | WHOLES | NUMBERS))
        kinds.append(st.builds(Comparison, st.just(field), st.sampled_from(EQUALITY), st.booleans()))
    elif field.type is not AttributeType.STRING_LIST:
        signs = list(Operator) if field.type in ORDERED else [Operator.EQUAL, Operator.UNEQUAL]
        kinds.append(st.builds(Comparison, st.just(field), st.sampled_from(signs), value))
    if field.tokens:
        kinds.append(st.sampled_from(PHRASES).map(lambda phrase: Match(field, phrase)))
    return st.one_of(kinds)


def filters(fields: Iterable[Field]) -> st.SearchStrategy[Filter]:
    """Return filters of some depth."""
    leaves = st.sampled_from(list(fields)).flatmap(terms)
    return st.recursive(
        leaves,
        lambda inner: (
            inner.map(Negation)
            | st.lists(inner, min_size=2, max_size=3).map(lambda parts: All(tuple(parts)))
            | st.lists(inner, min_size=2, max_size=3).map(lambda parts: AnyOf(tuple(parts)))
        ),
        max_leaves=6,
    )


def written(part: Filter) -> str:
    """Return the filter as a caller writes it."""
    return canonical(part)
