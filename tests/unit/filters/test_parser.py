"""What filters may say, and where an error points when they cannot be understood."""

import pytest
from filter_samples import DECLARED
from hypothesis import given
from hypothesis import strategies as st

from sensorium.errors import InvalidArgument, Reason
from sensorium.filters.fields import Fields
from sensorium.filters.parser import parse
from sensorium.filters.printer import canonical
from sensorium.filters.size import MAX_CHARS, MAX_DEPTH, MAX_TERMS, MAX_VALUES
from sensorium.filters.tree import EVERYTHING
from sensorium.model.collection import AttributeField, AttributeType
from sensorium.search.filter_fields import fields_of

FIELDS = fields_of(DECLARED)
PIECES = st.sampled_from(
    ["(", ")", "[", "]", ",", ":", "=", "!=", "<", "and", "OR", "Not", "has", "in", "true", "title", "year", "tags",
     "colours", "seen", "price", "open", '"red"', "'it", "'s'", '"\\u00e9"', "\\", "1", "-2.5e3",
     "99999999999999999999", "1e999", "2026-01-02", "2026-13-40T00:00:00Z", " ", "\n", "#", "足", "\0", "\ud800"]
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("year>2000", "year > 2000"),
        ("year > 1 and not (open = true or HAS title)", "year > 1 AND NOT (open = TRUE OR HAS title)"),
        ("year = 1 or year = 2 and year = 3", "year = 1 OR year = 2 AND year = 3"),
        ("(year = 1 or year = 2) and year = 3", "(year = 1 OR year = 2) AND year = 3"),
        ("not has title", "NOT HAS title"),
        ("tags has 'it\\'s'", 'tags HAS "it\'s"'),
        ('tags not has "a"', 'NOT tags HAS "a"'),
        ("year not in [1, 2, 1]", "NOT year IN [1, 2]"),
        ("title : 'Red-Car!'", 'title:"red car"'),
        ('\'title\' = "a\\n\\"\\u00e9\\\\"', 'title = "a\\n\\"é\\\\"'),
        ("attributes.title = 'x'", 'title = "x"'),
        ("price = 1", "price = 1.0"),
        ("price < -.5e2", "price < -50.0"),
        ("seen >= 2026-01-02", "seen >= 2026-01-02T00:00:00Z"),
        ("seen < '2026-01-02t03:04:05.5+02:00'", "seen < 2026-01-02T01:04:05.500000Z"),
        ("create_time > 2026-01-02T03:04:05Z", "create_time > 2026-01-02T03:04:05Z"),
        ("not not open = false", "NOT NOT open = FALSE"),
    ],
)
def test_filters_are_read_and_written_canonically(text: str, form: str) -> None:
    assert canonical(parse(text, FIELDS)) == form
    assert canonical(parse(form, FIELDS)) == form


def test_blank_filter_holds_always() -> None:
    assert parse(" \n", FIELDS) == EVERYTHING
    assert canonical(EVERYTHING) == ""


def test_attribute_that_is_called_like_a_field_of_every_document_goes_by_its_long_name() -> None:
    fields = fields_of((AttributeField("id", AttributeType.INT), AttributeField("and", AttributeType.INT)))
    assert canonical(parse("attributes.id = 1 AND id = 'x' AND 'and' = 2", fields)) == (
        'attributes.id = 1 AND id = "x" AND "and" = 2'
    )


@pytest.mark.parametrize(
    ("text", "column", "said"),
    [
        ("year", 4, "ends too early; expected"),
        ("year >", 6, "expected a value"),
        ("(year = 1", 9, "expected"),
        ("year = 1)", 9, "')' cannot stand here"),
        ("year = 1 year = 2", 10, "expected"),
        ("year = 1 && open = true", 10, "'&' cannot stand here"),
        ("title = 'red", 9, "no closing quote"),
        ("title = 'a\\q'", 11, "is no escape"),
        ("title = '\\ud800'", 10, "is no escape"),
        ("colour = 'red'", 1, "there is no field 'colour' (is it colours?); expected one of id, tags, create_time"),
        ("year = 1\n AND length = 2", 15, "there is no field 'length'; expected one of"),
        ("year = 'x'", 8, "a whole number of 64 bits"),
        ("year = 1.5", 8, "a whole number of 64 bits"),
        ("year = 9223372036854775808", 8, "a whole number of 64 bits"),
        ("price = 1e999", 9, "a finite number"),
        ("price = TRUE", 9, "a finite number"),
        ("open = 1", 8, "TRUE or FALSE"),
        ("open < TRUE", 6, "= or !="),
        ("title = 5", 9, "a text in quotes"),
        ("seen > 5", 8, "a time as in"),
        ("seen > 2026-13-01", 8, "a time as in"),
        ("seen > '2026-01-01T00:00:00'", 8, "a time as in"),
        ("seen > 0001-01-01T00:00:00+23:00", 8, "a time as in"),
        ("tags != 'x'", 6, "=, HAS, IN or :"),
        ("title HAS 'x'", 11, "is no list of texts"),
        ("year:2", 6, "has no tokens"),
        ("id:'a'", 4, "has no tokens"),
        ("title:'!?'", 7, "a letter or a digit"),
        ("year IN []", 10, "expected a value"),
        ("year IN [1, 'a']", 13, "a whole number of 64 bits"),
        ("title = 'a\0'", 11, "not text"),
        (" " * (MAX_CHARS + 1), MAX_CHARS + 1, "the limit is"),
        ("(" * (MAX_DEPTH + 1) + "year = 1" + ")" * (MAX_DEPTH + 1), MAX_DEPTH + 1, "more than"),
        ("not " * (MAX_DEPTH + 1) + "year = 1", 4 * MAX_DEPTH + 1, "more than"),
        (" or ".join(["year=1"] * (MAX_TERMS + 1)), 10 * MAX_TERMS + 5, "more than"),
        (f"year in [{','.join('1' * (MAX_VALUES + 1))}]", 10 + 2 * MAX_VALUES, "more than"),
    ],
)
def test_error_points_at_the_column_and_says_what_is_expected(text: str, column: int, said: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        parse(text, FIELDS)
    error = refused.value
    assert (error.reason, error.field, error.metadata["column"]) == (Reason.FILTER_INVALID, "filter", str(column))
    assert said in error.message


OPEN = Fields((), open_prefix="meta.")


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("meta.x=1 and meta.x = 1.0 and meta.x = '1'", 'meta.x = 1 AND meta.x = 1.0 AND meta.x = "1"'),
        ("meta.a.b <= -2e3", "meta.a.b <= -2000.0"),
        ("'meta.frame id' != true", '"meta.frame id" != TRUE'),
        ("'meta.and' = 1", "meta.and = 1"),
        ("meta.x in [1, TRUE, 1.5, 'a', 1, true]", 'meta.x IN [1, TRUE, 1.5, "a"]'),
        ("meta.x has 'a' or meta.x : 'A-b'", 'meta.x HAS "a" OR meta.x:"a b"'),
        ("not has meta.x", "NOT HAS meta.x"),
    ],
)
def test_what_has_no_type_is_asked_what_its_literal_says(text: str, form: str) -> None:
    assert canonical(parse(text, OPEN)) == form
    assert canonical(parse(form, OPEN)) == form


@pytest.mark.parametrize(
    ("text", "column", "said"),
    [
        ("meta.x < TRUE", 8, "cannot be asked of a truth value; expected = or !="),
        ("meta.x = 2026-01-02", 10, "a text in quotes, a number, TRUE or FALSE"),
        ("meta.x HAS 5", 12, "a text in quotes"),
        ("meta.x : 5", 10, "a text in quotes"),
        ("meta.x = 9223372036854775808", 10, "a whole number of 64 bits"),
        ("meta.x = 1e999", 10, "a finite number"),
        ("'meta.' = 1", 1, "there is no field 'meta.'; expected one of meta.…"),
        ("metax = 1", 1, "there is no field"),
    ],
)
def test_a_mistake_in_what_has_no_type_is_told_with_its_column(text: str, column: int, said: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        parse(text, OPEN)
    assert (refused.value.metadata["column"], said in refused.value.message) == (str(column), True)


def test_depth_counts_what_encloses_and_not_what_stands_beside() -> None:
    parse(" and ".join(["not (not (year = 1))"] * MAX_DEPTH), FIELDS)
    parse("(" * MAX_DEPTH + "year = 1" + ")" * MAX_DEPTH, FIELDS)


@given(
    text=st.text(max_size=60) | st.lists(PIECES, max_size=25).map("".join) | st.lists(PIECES, max_size=25).map(" ".join)
)
def test_any_text_is_read_or_refused_with_a_column_inside_it(text: str) -> None:
    try:
        parsed = parse(text, FIELDS)
    except InvalidArgument as refused:
        error = refused
    else:
        assert canonical(parse(canonical(parsed), FIELDS)) == canonical(parsed)
        return
    assert error.reason is Reason.FILTER_INVALID
    assert 1 <= int(error.metadata["column"]) <= max(1, len(text))
