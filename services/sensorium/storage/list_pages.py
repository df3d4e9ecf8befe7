"""Page tokens of lists: where a list goes on, bound to the request that it came from."""

import base64
import binascii
import hashlib
import json
import re

from sensorium.errors import InvalidArgument, Reason

DEFAULT_PAGE_SIZE = 100


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
    return encode([mark, after])


def list_position(token: str, mark: str) -> str:
    """Return the id behind which the page of `token` starts; empty for the first.

    Raises:
        InvalidArgument: PAGE_TOKEN_INVALID.
    """
    match decode(token, mark) if token else [""]:
        case [str(after)]:
            return after
        case _:
            raise invalid()


def list_number(token: str, mark: str, first: int) -> int:
    """Return the number at which the page of `token` starts; `first` for the first page.

    Raises:
        InvalidArgument: PAGE_TOKEN_INVALID.
    """
    position = list_position(token, mark)
    if not position:
        return first
    if not re.fullmatch(r"[0-9]{1,18}", position):
        raise invalid()
    return int(position)


def encode(content: list[str | float | int]) -> str:
    """Return the token that says `content`."""
    return base64.urlsafe_b64encode(json.dumps(content, separators=(",", ":")).encode()).decode()


def decode(token: str, mark: str) -> list[object]:
    """Return what `token` says behind its mark.

    Raises:
        InvalidArgument: PAGE_TOKEN_INVALID: it is damaged, or carries another mark.
    """
    try:
        content = json.loads(base64.b64decode(token.encode(), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError) as error:
        raise invalid() from error
    match content:
        case [str(found), *rest] if found == mark:
            return rest
        case _:
            raise invalid()


def invalid() -> InvalidArgument:
    """Return the error for a token that is not one of ours."""
    return InvalidArgument(
        "page_token: it is damaged, or from another request",
        reason=Reason.PAGE_TOKEN_INVALID,
        field="page_token",
    )
