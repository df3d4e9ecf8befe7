"""Words of names are found in the tokens of all files as they are found in each, whatever is added or renamed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensorium.dataset.bitmaps.word_column import WordColumn
from sensorium.filters.tokens import tokenized

NAMES = st.lists(st.text("ab1 .é車", max_size=6), max_size=12)
CHANGES = st.lists(st.tuples(st.integers(0, 11), st.text("ab1 .é車", max_size=6)), max_size=4)
WORDS = st.text("ab1 .é車", max_size=4)


def put(column: WordColumn, names: dict[int, str]) -> None:
    places = sorted(names)
    column.put(np.array(places, np.uint32), [tokenized(names[place]) for place in places])


@given(names=NAMES, changes=CHANGES, added=NAMES, phrase=WORDS)
def test_phrases_are_found_as_in_each_name_by_itself(
    names: list[str], changes: list[tuple[int, str]], added: list[str], phrase: str
) -> None:
    column, known = WordColumn(), dict(enumerate(names))
    put(column, known)
    for more in ({}, {at: name for at, name in changes if at < len(names)}, dict(enumerate(added, len(names)))):
        known |= more
        put(column, more)
        expected = [at for at, name in known.items() if tokenized(phrase) in tokenized(name)]
        assert list(column.with_words(phrase)) == expected
        kept = WordColumn()
        kept.restore(column.arrays())
        assert list(kept.with_words(phrase)) == expected


def test_a_phrase_is_not_found_where_two_names_meet() -> None:
    column = WordColumn()
    put(column, {0: "red", 1: "car.jpg"})
    assert list(column.with_words("red car")) == []
    assert list(column.with_words("car jpg")) == [1]


def test_many_phrases_are_remembered_no_longer_than_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sensorium.dataset.bitmaps.word_column._PHRASES", 2)
    column = WordColumn()
    put(column, {0: "a", 1: "b", 2: "c"})
    for _ in range(2):
        assert [list(column.with_words(word)) for word in "abc"] == [[0], [1], [2]]
    assert len(column._remembered) == 2
