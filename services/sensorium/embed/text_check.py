"""Says what is wrong with a text, before and after it is tokenised."""

from sensorium.embed.tokenizer import TokenizedText
from sensorium.errors import InvalidArgument, Reason


def check_text(text: str, max_bytes: int) -> None:
    """Refuse a text that is blank, too large, or cannot be written in UTF-8.

    Raises:
        InvalidArgument: CONTENT_EMPTY, CONTENT_TOO_LONG or REQUEST_MALFORMED.
    """
    if not text or text.isspace():
        raise InvalidArgument("is empty or blank", reason=Reason.CONTENT_EMPTY)
    size = len(text) if text.isascii() else len(_encoded(text))
    if size > max_bytes:
        raise _too_long(size, max_bytes, "bytes")


def check_characters(text: str, limit: int) -> None:
    """Refuse a text of more than `limit` characters. Raises InvalidArgument: CONTENT_TOO_LONG."""
    if len(text) > limit:
        raise _too_long(len(text), limit, "characters")


def check_tokens(tokens: TokenizedText, special_count: int, limit: int | None) -> None:
    """Refuse a text of which the model would see nothing, or, with a `limit`, not all.

    Raises:
        InvalidArgument: CONTENT_EMPTY or CONTENT_TOO_LONG.
    """
    if tokens.whole_count <= special_count:
        raise InvalidArgument("has no characters that the model reads", reason=Reason.CONTENT_EMPTY)
    if limit is not None and tokens.truncated:
        raise _too_long(tokens.whole_count, limit, "tokens")


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise InvalidArgument("is not valid Unicode", reason=Reason.REQUEST_MALFORMED) from None


def _too_long(actual: int, limit: int, unit: str) -> InvalidArgument:
    return InvalidArgument(
        f"has at least {actual} {unit}, more than {limit}",
        reason=Reason.CONTENT_TOO_LONG,
        metadata={"limit": str(limit), "actual": str(actual), "unit": unit},
    )
