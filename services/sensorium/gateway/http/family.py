"""What a family of clients is made of: where it lives, what it offers, whom it believes and how it says no."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from sensorium.errors import SensoriumError
from sensorium.gateway.http.call import Arrival, HttpCall, Reply
from sensorium.model.access import Rule
from sensorium.ports import Guard, Permit

EMBED = "/sensorium.v1.EmbedService/Embed"
LIST_MODELS = "/sensorium.v1.EmbedService/ListModels"

Endpoint = Callable[[HttpCall], Awaitable[Reply]]


class Credentials(Protocol):
    """How the clients of a family show who they are."""

    def admit(self, guard: Guard, rule: Rule, arrival: Arrival) -> Permit:
        """Let a request begin, by its head. Raises Unauthenticated and PermissionDenied."""
        ...

    def verify(self, permit: Permit, arrival: Arrival, body: bytes) -> None:
        """Check what is only known with the body, before anything counts for the key. Raises Unauthenticated."""
        ...


class Envelope(Protocol):
    """How a family tells of an error."""

    def __call__(self, error: SensoriumError, status: int, request_id: str) -> tuple[int, object]:
        """Return the status and the JSON of an error; `status` is what HTTP would say."""
        ...


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that a family offers.

    Attributes:
        methods: Of HTTP.
        path: Below a prefix of the family, in Starlette's notation (`/models/{id:path}`).
        endpoint: Answers.
        permission: The gRPC method whose rule counts; empty lets anybody in.
        summary: For the OpenAPI document.
        request: What the body holds, for the OpenAPI document; None without a body.
        max_body_bytes: Its own limit; 0 is the server's.
        read_seconds: How long its body may take; 0 is the server's.
        example: A body that works.
    """

    methods: tuple[str, ...]
    path: str
    endpoint: Endpoint
    permission: str
    summary: str
    request: type | None = None
    max_body_bytes: int = 0
    read_seconds: float = 0.0
    example: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class Family:
    """A family of clients.

    Attributes:
        name: For the OpenAPI document and its path.
        prefixes: Where it lives; every path below one of them answers in its envelope.
        operations: What it offers.
        credentials: Whom it believes.
        envelope: How it says no.
        also: Prefixes of which it has nothing, but its envelope.
        workspace_header: The header in which clients name a workspace; empty for none.
    """

    name: str
    prefixes: tuple[str, ...]
    operations: Sequence[Operation]
    credentials: Credentials
    envelope: Envelope
    workspace_header: str = ""
    also: tuple[str, ...] = ()
