"""How texts fall into the tokens that `:` compares.

A token is a run of letters and digits, case-folded; each Chinese or Japanese character is a token of its own.
"""

import re
from collections.abc import Iterable

_IDEOGRAPH = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
_TOKEN = re.compile(rf"[{_IDEOGRAPH}]|[^\W_{_IDEOGRAPH}]+")
_BORDER = "|"
# Letters that every database makes small alike, in words with one space between.
_PLAIN = re.compile(r"[0-9A-Za-z]+( [0-9A-Za-z]+)*")


def tokenized(text: str) -> str:
    """Return the tokens of `text`, each between spaces (` red car `); empty when there are none.

    The tokens of one text stand together in another exactly when the result for the one is part of that for the other.
    """
    found: list[str] = _TOKEN.findall(text.casefold())
    return f" {' '.join(found)} " if found else ""


def stored_tokens(text: str) -> str | None:
    """Return what is kept of the tokens of `text`: None where they are the text itself in small letters."""
    return None if _PLAIN.fullmatch(text) else tokenized(text)


def tokenized_list(texts: Iterable[str]) -> str:
    """Return the tokens of several texts, with a border between texts that no phrase crosses."""
    return _BORDER.join(map(tokenized, texts))
