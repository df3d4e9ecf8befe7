"""`sensorium up`: starts a mesh, or one part of it, in this process."""

from pathlib import Path
from typing import Annotated

import typer

from sensorium.cli.choices import RoleOfProcess
from sensorium.cli.options import command
from sensorium.cli.session import Session

Role = Annotated[RoleOfProcess | None, typer.Option(help="What to run.", show_default="all")]
DataDir = Annotated[
    Path | None, typer.Option(help="Where everything is kept that must survive a restart.", show_default=".data")
]


@command
def up(session: Session, role: Role = None, data_dir: DataDir = None) -> None:
    """Start a mesh and serve until Ctrl-C or SIGTERM.

    Every setting has a default that boots the whole mesh on 127.0.0.1, gRPC on 50051 and HTTP on 8080.
    Set one by the environment (SENSORIUM_GRPC__PORT=50052) or in a TOML file that SENSORIUM_CONFIG names.

    [green]sensorium up[/]

    [green]sensorium up --role embed --data-dir /var/lib/sensorium[/]

    [green]SENSORIUM_EMBED__TARGET=embed:50051 sensorium up --role gateway[/]
    """
    import asyncio

    from sensorium import app
    from sensorium.cli.configuration import settings

    log_format = {"telemetry": {"log_format": "json"}} if session.output.json else {}
    chosen = settings(role=role, data_dir=data_dir, **log_format)

    async def serve() -> None:
        async with app.mesh(chosen) as mesh:
            await mesh.serve()

    asyncio.run(serve())


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(up)
