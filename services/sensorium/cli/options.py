"""The options that every command shares, accepted before its name and after."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, Concatenate, ParamSpec

import typer

from sensorium.cli.output import Output
from sensorium.cli.session import DEFAULT_ADDRESS, DEFAULT_TIMEOUT, Connection, Dial, Session, dial

P = ParamSpec("P")

PANEL = "Options of every command"

Address = Annotated[
    str | None,
    typer.Option(
        help="The mesh to call, host:port; SENSORIUM_ADDRESS sets it too.",
        rich_help_panel=PANEL,
        show_default=DEFAULT_ADDRESS,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print results as JSON, one a line.", rich_help_panel=PANEL)]
Timeout = Annotated[
    float | None,
    typer.Option(help="Seconds for each call.", min=0.001, rich_help_panel=PANEL, show_default=f"{DEFAULT_TIMEOUT:g}"),
]
Workspace = Annotated[
    str | None, typer.Option(help="The workspace to work in.", rich_help_panel=PANEL, show_default="default")
]
ApiKey = Annotated[
    str | None,
    typer.Option(
        help="The key to show; SENSORIUM_API_KEY sets it too, and keeps it out of the list of processes.",
        rich_help_panel=PANEL,
        show_default="none",
    ),
]
TlsCa = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="Call with TLS, and trust the roots in this file (PEM); SENSORIUM_TLS_CA sets it too.",
        rich_help_panel=PANEL,
        show_default="no TLS",
    ),
]
SHARED: dict[str, tuple[Any, object]] = {
    "address": (Address, None),
    "json": (Json, False),
    "timeout": (Timeout, None),
    "workspace": (Workspace, None),
    "api_key": (ApiKey, None),
    "tls_ca": (TlsCa, None),
}


@dataclass(frozen=True, slots=True)
class Before:
    """The shared options that stood before the command, and how clients are made."""

    address: str | None = None
    json: bool = False
    timeout: float | None = None
    workspace: str | None = None
    api_key: str | None = field(default=None, repr=False)
    tls_ca: str | None = None
    dial: Dial = dial

    def session(self, after: "Before") -> Session:
        """Return the session; an option after the command's name wins."""
        return Session(
            Connection(
                after.address or self.address or DEFAULT_ADDRESS,
                after.timeout or self.timeout or DEFAULT_TIMEOUT,
                after.workspace or self.workspace or "default",
                after.api_key or self.api_key,
                after.tls_ca or self.tls_ca,
            ),
            Output(json=after.json or self.json),
            self.dial,
        )


def command(function: Callable[Concatenate[Session, P], None]) -> Callable[..., None]:
    """Return `function` as a command: it gains the shared options, a session, and reports of its errors."""

    def run(context: typer.Context, **options: Any) -> None:
        after = Before(**{name: options.pop(name) for name in SHARED})
        session = (context.obj or Before()).session(after)
        with session.reporting():
            function(session, **options)  # type: ignore[call-arg]

    own = list(inspect.signature(function).parameters.values())[1:]
    shared = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for name, (annotation, default) in SHARED.items()
    ]
    context = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
    parameters = [context, *(each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in own), *shared]
    run.__name__, run.__doc__, run.__module__ = function.__name__, function.__doc__, function.__module__
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    return run
