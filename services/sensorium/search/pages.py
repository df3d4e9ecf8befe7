"""Page tokens: where a list or a ranking goes on, bound to the request that they came from."""

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass

from sensorium.errors import InvalidArgument, Reason

DEFAULT_PAGE_SIZE = 100


@dataclass(frozen=True, slots=True)
class RankCursor:
    """The last hit of a page; the next page starts behind it, in the order of score and id."""

    score: float
    id: str
    rank: int


def checked_size(page_size: int, largest: int, default: int = DEFAULT_PAGE_SIZE) -> int:
    """Return how many items a page has: `default` for 0, `largest` at most.

    Raises:
        InvalidArgument: It is negative.
    """
    if page_size < 0:
        raise InvalidArgument(f"page_size: {page_size} is negative", field="page_size")
    return min(page_size or default, largest)


def request_mark(*request: object) -> str:
    """Return what tells one request from another."""
    return hashlib.blake2b(repr(request).encode(errors="surrogatepass"), digest_size=12).hexdigest()


def list_token(mark: str, after: str) -> str:
    """Return the token of the page behind the item with id `after`."""
    return _encode([mark, after])


def list_position(token: str, mark: str) -> str:
    """Return the id behind which the page of `token` starts; empty for the first.

    Raises:
        InvalidArgument: PAGE_TOKEN_INVALID.
    """
    match _decode(token, mark) if token else [""]:
        case [str(after)]:
            return after
        case _:
            raise _invalid()


def rank_token(mark: str, last: RankCursor) -> str:
    """Return the token of the page behind the hit `last`."""
    return _encode([mark, last.score, last.id, last.rank])


def rank_position(token: str, mark: str) -> RankCursor | None:
    """Return the hit behind which the page of `token` starts; None for the first.

    Raises:
        InvalidArgument: PAGE_TOKEN_INVALID.
    """
    if not token:
        return None
    match _decode(token, mark):
        case [float(score), str(last), int(rank)] if rank > 0:
            return RankCursor(score, last, rank)
        case _:
            raise _invalid()


def _encode(content: list[str | float | int]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content, separators=(",", ":")).encode()).decode()


def _decode(token: str, mark: str) -> list[object]:
    try:
        content = json.loads(base64.b64decode(token.encode(), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError) as error:
        raise _invalid() from error
    match content:
        case [str(found), *rest] if found == mark:
            return rest
        case _:
            raise _invalid()


def _invalid() -> InvalidArgument:
    return InvalidArgument(
        "page_token: it is damaged, or from another request",
        reason=Reason.PAGE_TOKEN_INVALID,
        field="page_token",
    )
