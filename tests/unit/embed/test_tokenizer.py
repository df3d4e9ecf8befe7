"""Texts become the tokens of the model, cut where they must be, and it is told."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from sensorium.embed.tokenizer import TextTokenizer
from sensorium.errors import FailedPrecondition, Reason

from .conftest import TOKENIZER

MAX = 8


@pytest.fixture(scope="module")
def tokenizer() -> Iterator[TextTokenizer]:
    with ThreadPoolExecutor(1) as executor:
        yield TextTokenizer(TOKENIZER, MAX, executor)


@pytest.fixture(scope="module")
def whole() -> Tokenizer:
    """The library as it is: no limit."""
    tokenizer = Tokenizer.from_file(str(TOKENIZER))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def cut(ids: list[int]) -> list[int]:
    return ids if len(ids) <= MAX else [*ids[: MAX - 1], ids[-1]]


async def test_a_text_that_fits_is_not_cut(tokenizer: TextTokenizer) -> None:
    (text,) = await tokenizer.encode(["hello world"])
    assert (text.ids, text.whole_count, text.truncated) == ([101, 7592, 2088, 102], 4, False)


async def test_a_text_of_exactly_the_limit_is_not_cut(tokenizer: TextTokenizer) -> None:
    fits, too_long = await tokenizer.encode(["a b c d e f", "a b c d e f g"])
    assert (len(fits.ids), fits.truncated) == (MAX, False)
    assert (len(too_long.ids), too_long.truncated, too_long.whole_count) == (MAX, True, MAX + 1)


async def test_many_texts_keep_their_order(tokenizer: TextTokenizer, whole: Tokenizer) -> None:
    texts = [f"text number {i} " * (i % 40) for i in range(400)]
    encoded = await tokenizer.encode(texts)
    assert [text.ids for text in encoded] == [cut(whole.encode(text).ids) for text in texts]


WORDS = st.sampled_from([" ", "\t", "word", "ünïcode", "中文", ".", "..", "a" * 150, "\u0301", "\0", "x-y", "🙂"])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(WORDS, st.integers(1, 400)), min_size=1, max_size=6))
async def test_reading_the_head_of_a_long_text_gives_what_reading_it_all_gives(
    tokenizer: TextTokenizer, whole: Tokenizer, runs: list[tuple[str, int]]
) -> None:
    text = "".join(word * count for word, count in runs)
    (tokenized,) = await tokenizer.encode([text])
    ids = whole.encode(text).ids
    assert tokenized.ids == cut(ids)
    assert tokenized.truncated == (len(ids) > MAX)
    assert tokenized.whole_count <= len(ids)


def test_a_file_that_is_no_tokenizer_is_named(tmp_path) -> None:
    file = tmp_path / "tokenizer.json"
    file.write_text("{}")
    with ThreadPoolExecutor(1) as executor, pytest.raises(FailedPrecondition) as caught:
        TextTokenizer(file, MAX, executor)
    assert caught.value.reason is Reason.FILE_UNUSABLE
    assert caught.value.metadata == {"file": "tokenizer.json"}
