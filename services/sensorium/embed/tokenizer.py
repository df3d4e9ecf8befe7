"""Turns texts into token ids, and tells when one was cut."""

import asyncio
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from tokenizers import Encoding, Tokenizer

from sensorium.errors import FailedPrecondition

# A thousand characters take about 0.16 ms; handing work to a thread and back takes 0.08 ms, and more under load.
_INLINE_CHARACTERS = 1024
_CHUNK_CHARACTERS = 65_536
_HEAD_CHARACTERS_PER_TOKEN = 16
_HEAD_GROWTH = 8
_LONGEST_WORD_TOKENS = 100  # WordPiece's max_input_chars_per_word; a longer word is one unknown token


@dataclass(frozen=True, slots=True)
class TokenizedText:
    """The token ids of one text.

    Attributes:
        ids: What the model sees, special tokens included.
        whole_count: How many there would be without a limit; for very long texts a lower bound.
    """

    ids: Sequence[int]
    whole_count: int

    @property
    def truncated(self) -> bool:
        """Whether the text was cut."""
        return self.whole_count > len(self.ids)


class TextTokenizer:
    """A tokenizer.json of the `tokenizers` library, cutting at `max_tokens` (special tokens included).

    Short work is done at once; the rest goes to `executor` in slices, so that long requests take turns.

    Raises:
        FailedPrecondition: `path` is no tokenizer file.
    """

    def __init__(self, path: Path, max_tokens: int, executor: Executor) -> None:
        self._tokenizer = load_tokenizer(path)
        self.pad_id: int = (self._tokenizer.padding or {}).get("pad_id", 0)
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_tokens)
        self.special_count: int = self._tokenizer.num_special_tokens_to_add(is_pair=False)
        added = self._tokenizer.get_added_tokens_decoder()
        self.special_ids = frozenset(number for number, token in added.items() if token.special)
        self._max_tokens = max_tokens
        self._last_word = max(max_tokens, _LONGEST_WORD_TOKENS)
        self._head = max_tokens * _HEAD_CHARACTERS_PER_TOKEN
        self._executor = executor

    async def encode(self, texts: Sequence[str]) -> list[TokenizedText]:
        """Return the tokens of each text, in order."""
        if sum(map(len, texts)) <= _INLINE_CHARACTERS:
            return self._encode(texts)
        loop = asyncio.get_running_loop()
        tokenized: list[TokenizedText] = []
        for chunk in _chunks(texts):
            tokenized += await loop.run_in_executor(self._executor, self._encode, chunk)
        return tokenized

    def text_of(self, token: int) -> str:
        """Return what a token stands for, as it reads alone."""
        return str(self._tokenizer.decode([token], skip_special_tokens=False))

    def _encode(self, texts: Sequence[str]) -> list[TokenizedText]:
        # One call for all: the library gives up Python's lock once, not once for each text.
        encodings = self._tokenizer.encode_batch_fast([text[: self._head] for text in texts])
        return [self._tokenized(text, encoding) for text, encoding in zip(texts, encodings, strict=True)]

    def _tokenized(self, text: str, encoding: Encoding) -> TokenizedText:
        """Read on in a text whose head is too short to tell what its first `max_tokens` tokens are.

        Where the head is cut changes its last word alone, so what comes before a word's worth of tokens is certain.
        """
        size, count = self._head, self._whole_count(encoding)
        while len(text) > size and count < self._max_tokens + self._last_word:
            size *= _HEAD_GROWTH
            (encoding,) = self._tokenizer.encode_batch_fast([text[:size]])
            count = self._whole_count(encoding)
        return TokenizedText(encoding.ids, count if len(text) <= size else count - self._last_word)

    def _whole_count(self, encoding: Encoding) -> int:
        count = len(encoding)
        if count < self._max_tokens:
            return count
        return count + sum(len(rest) - self.special_count for rest in encoding.overflowing)


def load_tokenizer(path: Path) -> Tokenizer:
    """Return the tokenizer of a file. Raises FailedPrecondition: it is none."""
    # The library's own threads would fight with ours for the cores.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing narrower
        raise FailedPrecondition(f"{path.name} is no tokenizer file: {error}", metadata={"file": path.name}) from error


def _chunks(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield slices of at least one text and about _CHUNK_CHARACTERS."""
    remaining = iter(texts)
    while chunk := list(islice(remaining, 1)):
        size = len(chunk[0])
        while size < _CHUNK_CHARACTERS and (text := next(remaining, None)) is not None:
            chunk.append(text)
            size += len(text)
        yield chunk
