"""Reads texts that callers have tokenised: ids of the model's own vocabulary as they are, others back as text."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import Executor
from pathlib import Path

from tokenizers import Tokenizer

from sensorium.embed.tokenizer import TokenizedText, load_tokenizer
from sensorium.errors import InvalidArgument, Reason

_INLINE_IDS = 1024


class OwnIds:
    """Ids of the vocabulary that the model itself has, which are exact as they are.

    Args:
        path: The model's tokenizers file.
        max_tokens: The most tokens of one text, special tokens included.
    """

    def __init__(self, path: Path, max_tokens: int) -> None:
        self._tokenizer = load_tokenizer(path)
        self._max_tokens = max_tokens
        self._head, self._tail = _special_ends(self._tokenizer)

    def read(self, ids: Sequence[int]) -> TokenizedText:
        """Return the tokens of a text, between the model's special tokens whether the caller sent these or not.

        Raises:
            InvalidArgument: The vocabulary lacks an id.
        """
        _check_known(self._tokenizer, ids)
        inner = self._inner(ids)
        room = max(0, self._max_tokens - len(self._head) - len(self._tail))
        return TokenizedText([*self._head, *inner[:room], *self._tail], len(self._head) + len(inner) + len(self._tail))

    def _inner(self, ids: Sequence[int]) -> Sequence[int]:
        head, tail = self._head, self._tail
        end = len(ids) - len(tail)
        framed = len(ids) >= len(head) + len(tail) and (*ids[: len(head)], *ids[end:]) == (*head, *tail)
        return ids[len(head) : end] if framed else ids


class ForeignIds:
    """Ids of a vocabulary that loses nothing (byte-level BPE), which become the text that they stand for.

    Args:
        path: The tokenizers file of that vocabulary.
        executor: Where longer texts are read.
    """

    def __init__(self, path: Path, executor: Executor) -> None:
        self._tokenizer = load_tokenizer(path)
        self._executor = executor

    async def read(self, ids: Sequence[int]) -> str:
        """Return the text; special tokens are left out, and half a character at a cut becomes U+FFFD.

        Raises:
            InvalidArgument: The vocabulary lacks an id.
        """
        if len(ids) <= _INLINE_IDS:
            return self._decoded(ids)
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._decoded, ids)

    def _decoded(self, ids: Sequence[int]) -> str:
        _check_known(self._tokenizer, ids)
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=True))


def _check_known(tokenizer: Tokenizer, ids: Sequence[int]) -> None:
    if not ids:
        raise InvalidArgument("has no token ids", reason=Reason.CONTENT_EMPTY)
    unknown = next((each for each in set(ids) if tokenizer.id_to_token(each) is None), None)
    if unknown is not None:
        raise InvalidArgument(f"the vocabulary has no token {unknown}: the ids are of another one")


def _special_ends(tokenizer: Tokenizer) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return what stands before and after every text ([CLS], [SEP])."""
    tokenizer.no_padding()
    encoded = tokenizer.encode("a")
    plain = [place for place, special in enumerate(encoded.special_tokens_mask) if not special]
    first, last = (plain[0], plain[-1] + 1) if plain else (len(encoded.ids), len(encoded.ids))
    return tuple(encoded.ids[:first]), tuple(encoded.ids[last:])
