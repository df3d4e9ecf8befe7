"""`sensorium demo`: a mesh with something in it, in one command."""

from pathlib import Path
from typing import Annotated

import typer

from sensorium.cli.options import command
from sensorium.cli.session import Session

DataDir = Annotated[
    Path | None, typer.Option(help="Where everything is kept that must survive a restart.", show_default=".data")
]
Exit = Annotated[bool, typer.Option("--exit", help="End after the searches, instead of serving.")]


@command
def demo(session: Session, data_dir: DataDir = None, exit_: Exit = False) -> None:
    """Start a mesh, index the sample set, search it, and serve until Ctrl-C.

    The sample set is 240 passages of Wikipedia in the collection "samples", and 76 photos and 80 sounds in "gallery",
    which the starter model puts into one space with words. A second start finds them there. What was found among
    photos and sounds is shown in a page too, "demo.html" in the data directory.

    [green]sensorium demo[/]

    [green]sensorium demo --exit --json[/]
    """
    import asyncio

    from sensorium import app
    from sensorium.cli.configuration import settings
    from sensorium.cli.gallery import MODEL, Gallery
    from sensorium.cli.samples import SampleSet
    from sensorium.cli.showing import Show
    from sensorium.client import AsyncClient

    chosen = settings(data_dir=data_dir, telemetry={"log_level": "WARNING"}).serving(MODEL)
    samples = SampleSet(chosen.samples)

    async def run() -> None:
        session.output.say("starting the mesh")
        async with app.mesh(chosen) as mesh:
            async with AsyncClient(mesh.grpc_address, api_key=session.connection.api_key) as client:
                show = Show(session.output, client, samples)
                await show.index(await show.ready(mesh.readiness))
                await show.search()
                await Gallery(session.output, client, samples, chosen.data_dir / "demo.html").show()
            show.tell(mesh.grpc_address, mesh.http_address)
            if not exit_:
                session.output.say("serving; Ctrl-C stops everything")
                await mesh.serve()

    asyncio.run(run())


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(demo)
