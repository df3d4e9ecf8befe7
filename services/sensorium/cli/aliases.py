"""`sensorium alias`: point names at collections, list, show and delete them."""

from typing import Annotated

import typer

from sensorium.cli.options import command
from sensorium.cli.session import Session

Name = Annotated[str, typer.Argument(metavar="ALIAS", help="The alias's id.", show_default=False)]
Collection = Annotated[str, typer.Argument(metavar="COLLECTION", help="The collection's id.", show_default=False)]

group = typer.Typer(no_args_is_help=True)


@group.command("set")
@command
def set_(session: Session, alias: Name, collection: Collection) -> None:
    """Point an alias at a collection, at once for all later calls; make it when there is none.

    [green]sensorium alias set live garage[/]
    """
    from sensorium.cli.tables import aliases_table

    with session.client() as client:
        found = client.set_alias(alias, collection)
    session.output.show(found, aliases_table([found]))


@group.command("list")
@command
def list_(session: Session) -> None:
    """List the aliases of the workspace, by id.

    [green]sensorium alias list[/]
    """
    from sensorium.cli.tables import aliases_table

    with session.client() as client:
        found = list(client.aliases())
    session.output.show_each(found, aliases_table(found) if found else "no aliases")


@group.command()
@command
def get(session: Session, alias: Name) -> None:
    """Show one alias.

    [green]sensorium alias get live[/]
    """
    from sensorium.cli.tables import aliases_table

    with session.client() as client:
        found = client.get_alias(alias)
    session.output.show(found, aliases_table([found]))


@group.command()
@command
def delete(session: Session, alias: Name) -> None:
    """Delete an alias; its collection stays.

    [green]sensorium alias delete live[/]
    """
    with session.client() as client:
        client.delete_alias(alias)
    session.output.show({"deleted": alias}, f"deleted {alias}")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="alias", help="Point names at collections, list, show and delete them.")
