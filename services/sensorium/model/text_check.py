"""Which texts a database keeps."""

from sensorium.errors import InvalidArgument


def check_text(text: str, field: str) -> int:
    """Return the size of `text` in UTF-8, in bytes.

    Raises:
        InvalidArgument: It holds NUL, or half of a surrogate pair; names `field`.
    """
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise InvalidArgument(f"{field}: it is not valid Unicode", field=field) from error
    if "\0" in text:
        raise InvalidArgument(f"{field}: it holds a NUL character", field=field)
    return size
