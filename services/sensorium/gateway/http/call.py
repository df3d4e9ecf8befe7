"""One HTTP request on its way in, and what is sent back for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.datastructures import Headers, QueryParams

JSON_TYPE = "application/json"


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request as its head tells of it.

    Attributes:
        method: In capitals.
        path: Decoded, without a slash at its end.
        path_as_sent: Decoded, with that slash, for signatures.
        query_string: As it was sent.
        headers: Names without regard to case.
        client: `host:port` of the caller.
    """

    method: str
    path: str
    path_as_sent: str
    query_string: str
    headers: Headers
    client: str = ""

    @property
    def query(self) -> QueryParams:
        """The parameters of the query."""
        return QueryParams(self.query_string)

    def peer(self) -> str:
        """Return who calls, as log lines name it."""
        return f"http:{self.client}"


@dataclass(frozen=True, slots=True)
class HttpCall:
    """A request that may be answered.

    Attributes:
        arrival: Its head.
        params: What its path names.
        body: All of it.
        request_id: Names the call in log lines and answers.
        workspace: Whom it works for.
        key_id: The key that was shown; empty when none was needed.
    """

    arrival: Arrival
    params: Mapping[str, str]
    body: bytes
    request_id: str
    workspace: str
    key_id: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """What is sent back.

    Attributes:
        body: Already in bytes.
        status: Of HTTP.
        content_type: Of the body.
        headers: Beside those that every answer has.
        tokens: What the key is charged for.
    """

    body: bytes
    status: int = 200
    content_type: str = JSON_TYPE
    headers: Mapping[str, str] = field(default_factory=dict)
    tokens: int = 0
