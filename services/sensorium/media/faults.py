"""What can be wrong with an image or a sound, in words for whoever sent it.

None of these repeats a URI: a signed one is a secret, and a `data:` one is long.
"""

from sensorium.errors import InvalidArgument, Reason, Unavailable


def refused(why: str) -> InvalidArgument:
    """Return the error for a URI that may not be fetched, or that leads nowhere."""
    return InvalidArgument(why, reason=Reason.URI_REFUSED)


def unknown_bucket(name: str) -> InvalidArgument:
    """Return the error for a bucket (`s3://photos`) that the settings do not name; a connection may have it."""
    return InvalidArgument(
        f"names {name[:200]}, which is none of SENSORIUM_INPUTS__STORES",
        reason=Reason.URI_REFUSED,
        metadata={"bucket": name[:200]},
    )


def away(why: str) -> Unavailable:
    """Return the error for a source that does not answer now."""
    return Unavailable(why, metadata={"backend": "source"}, retry_after=1.0)


def too_long(actual: float, limit: float, unit: str) -> InvalidArgument:
    """Return the error for what is larger than the model or the server takes."""
    return InvalidArgument(
        f"has at least {actual:,g} {unit}, more than {limit:,g}",
        reason=Reason.CONTENT_TOO_LONG,
        metadata={"limit": f"{limit:.12g}", "actual": f"{actual:.12g}", "unit": unit},
    )


def undecodable(why: str) -> InvalidArgument:
    """Return the error for bytes that are no image or sound that can be read."""
    return InvalidArgument(why, reason=Reason.MEDIA_UNDECODABLE)


def empty(why: str) -> InvalidArgument:
    """Return the error for an image or a sound in which there is nothing."""
    return InvalidArgument(why, reason=Reason.CONTENT_EMPTY)
