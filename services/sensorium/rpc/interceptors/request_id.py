"""Names each call, by the caller's own name for it when that is fit for a log line."""

import random
import re
from collections.abc import Mapping
from typing import Any

HEADER = "x-request-id"
_sane = re.compile(r"[A-Za-z0-9._-]{1,128}").fullmatch


def request_id_from(headers: Mapping[str, Any]) -> str:
    """Return the caller's `x-request-id` if it is 1 to 128 of `A-Za-z0-9._-`, else a new one."""
    given = headers.get(HEADER)
    return given if given and _sane(given) else _new()


def _new() -> str:
    """Return 32 random hex digits; a name need not be hard to guess, and this takes no system call."""
    return f"{random.getrandbits(128):032x}"
