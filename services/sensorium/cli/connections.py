"""`sensorium connection`: make, list, change and delete connections to storage, models and vector databases."""

import os
from collections.abc import Sequence
from typing import Annotated

import typer

from sensorium.cli.options import command
from sensorium.cli.session import Session
from sensorium.errors import InvalidArgument

Name = Annotated[str, typer.Argument(metavar="CONNECTION", help="The connection's id.", show_default=False)]
Kind = Annotated[str, typer.Option(help="local, s3, oss, dash_scope, open_ai, … (docs/datasets.md).")]
Configs = Annotated[list[str] | None, typer.Option("--config", help="NAME=VALUE; may be given again.")]
Secrets = Annotated[
    list[str] | None,
    typer.Option("--secret", help="NAME=VARIABLE: the environment variable that holds it; may be given again."),
]
Models = Annotated[
    list[str] | None, typer.Option("--model", help="A model of the service that embeds; the first is the default.")
]

group = typer.Typer(no_args_is_help=True)


@group.command()
@command
def create(
    session: Session,
    connection: Name,
    kind: Kind,
    *,
    config: Configs = None,
    secret: Secrets = None,
    model: Models = None,
) -> None:
    """Create a connection; secrets come from the environment, so that no list of processes shows them.

    [green]sensorium connection create disk --kind local --config root=/srv/pictures[/]
    """
    from sensorium.model.connection import ConnectionKind

    if kind not in (known := [each.value for each in ConnectionKind]):
        raise InvalidArgument(f"--kind: {kind!r} is none of {', '.join(known)}", field="kind")
    secrets = {name: _variable(variable) for name, variable in _pairs(secret or (), "--secret").items()}
    with session.client() as client:
        made = client.datasets.create_connection(
            connection, kind, configs=_pairs(config or (), "--config"), secrets=secrets, models=model or ()
        )
    session.output.show(made, f"created {made.name}")


@group.command("list")
@command
def list_(session: Session) -> None:
    """List the connections of the workspace, without their secrets.

    [green]sensorium connection list[/]
    """
    from sensorium.cli.dataset_tables import connections_table

    with session.client() as client:
        found = list(client.datasets.connections())
    session.output.show_each(found, connections_table(found) if found else "no connections")


@group.command()
@command
def change(
    session: Session,
    connection: Name,
    *,
    config: Configs = None,
    secret: Secrets = None,
    model: Models = None,
    description: Annotated[str | None, typer.Option(help="What it is for.")] = None,
) -> None:
    """Change a connection; what is given takes the place of all its configs, secrets or models.

    [green]sensorium connection change store --secret access_key_id=NEW_ID --secret secret_access_key=NEW_KEY[/]
    """
    secrets = {name: _variable(variable) for name, variable in _pairs(secret or (), "--secret").items()}
    configs = _pairs(config or (), "--config")
    with session.client() as client:
        changed = client.datasets.change_connection(
            connection, configs=configs or None, secrets=secrets or None, models=model, description=description
        )
    session.output.show(changed, f"changed {changed.name}")


@group.command()
@command
def check(session: Session, connection: Name) -> None:
    """Try a connection: list its storage, or embed one word by its first model.

    [green]sensorium connection check disk[/]
    """
    with session.client() as client:
        fault = client.datasets.check_connection(connection)
    if fault:
        raise fault
    session.output.show({"usable": connection}, f"{connection} works")


@group.command()
@command
def delete(session: Session, connection: Name) -> None:
    """Delete a connection that no dataset needs.

    [green]sensorium connection delete disk[/]
    """
    with session.client() as client:
        client.datasets.delete_connection(connection)
    session.output.show({"deleted": connection}, f"deleted {connection}")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="connection", help="Make, list, change and delete connections to storage and services.")


def _pairs(given: Sequence[str], option: str) -> dict[str, str]:
    pairs = dict(each.partition("=")[::2] for each in given)
    if bad := [each for each in given if "=" not in each]:
        raise InvalidArgument(f"{option}: {bad[0]!r} is not NAME=VALUE", field=option)
    return pairs


def _variable(name: str) -> str:
    if name not in os.environ:
        raise InvalidArgument(f"--secret: there is no environment variable {name!r}", field="--secret")
    return os.environ[name]
