"""`sensorium key`: make, list, rotate and revoke the keys of a gateway, and show what clients sign with."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sensorium.cli.choices import KeyRoleName
from sensorium.cli.moments import duration, moment
from sensorium.cli.options import command
from sensorium.cli.session import Session

if TYPE_CHECKING:
    from sensorium.gateway.keys.store import KeyStore

Name = Annotated[str, typer.Argument(metavar="NAME", help="Whose key it is.", show_default=False)]
KeyId = Annotated[str, typer.Argument(metavar="KEY", help="The key's id.", show_default=False)]
RoleOption = Annotated[
    KeyRoleName, typer.Option("--role", help="What it may do; write may also read, admin may do everything.")
]
Expires = Annotated[
    str, typer.Option(metavar="WHEN", help="When it ends: after 30m, 12h or 90d, or a date and time in ISO 8601.")
]
OnlyWorkspace = Annotated[
    str, typer.Option(metavar="NAME", help="The only workspace that it reaches; without one it reaches all.")
]
Collections = Annotated[
    list[str] | None,
    typer.Option(
        "--collection",
        metavar="ID",
        help="A collection that it reaches, or several as PREFIX*; of --only-workspace, or else of --workspace. "
        "Repeatable.",
    ),
]
Requests = Annotated[int, typer.Option(min=0, help="Requests that it has each minute; 0 for any number.")]
Tokens = Annotated[int, typer.Option(min=0, help="Tokens that it has each minute; 0 for any number.")]
Overlap = Annotated[str, typer.Option(metavar="WHILE", help="How long the old secret is good: 0m, 30m, 12h or 7d.")]
DataDir = Annotated[Path | None, typer.Option(help="The gateway's data directory.", show_default=".data")]

group = typer.Typer(no_args_is_help=True)


@group.command()
@command
def create(
    session: Session,
    name: Name,
    *,
    role: RoleOption = KeyRoleName.READ,
    expires: Expires = "",
    only_workspace: OnlyWorkspace = "",
    collection: Collections = None,
    requests_per_minute: Requests = 0,
    tokens_per_minute: Tokens = 0,
    data_dir: DataDir = None,
) -> None:
    """Make a key. Its secret is printed once and kept nowhere.

    A running gateway knows it within a second. The first key closes the mesh: from then on every call needs one.

    [green]sensorium key create shop --role write --expires 90d[/]

    [green]sensorium key create kiosk --collection 'garage-*' --requests-per-minute 600 --json | jq -r .secret[/]
    """
    from sensorium.model.access import KeyRole
    from sensorium.model.key import KeySpec

    spec = KeySpec(
        name,
        KeyRole(role),
        expire_time=moment(expires, "--expires") if expires else None,
        workspace=only_workspace or (session.connection.workspace if collection else ""),
        collections=tuple(collection or ()),
        requests_per_minute=requests_per_minute,
        tokens_per_minute=tokens_per_minute,
    )
    with _opened(data_dir) as store:
        key, secret = store.create(spec)
    session.output.show({"id": key.id, "secret": secret.text}, secret.text)
    session.output.say(f"the secret of the key {key.id}; it is not shown again")


@group.command("list")
@command
def list_(session: Session, data_dir: DataDir = None) -> None:
    """List the keys, the oldest first, without their secrets.

    [green]sensorium key list[/]

    [green]sensorium key list --json | jq -r 'select(.state == "active") | .id'[/]
    """
    from sensorium.cli.key_records import key_record
    from sensorium.cli.tables import keys_table

    now = datetime.now(UTC)
    with _opened(data_dir) as store:
        keys = [stored.key for stored in store.all()]
    session.output.show_each([key_record(key, now) for key in keys], keys_table(keys, now) if keys else "no keys")


@group.command()
@command
def rotate(session: Session, key: KeyId, overlap: Overlap = "24h", data_dir: DataDir = None) -> None:
    """Give a key another secret, and print it once. All else about the key stays, what it has consumed too.

    The secret that it had goes on working for a while, so that callers can change over one by one.

    [green]sensorium key rotate 0123456789ab --overlap 7d[/]
    """
    with _opened(data_dir) as store:
        rotated, secret = store.rotate(key, duration(overlap, "--overlap"))
    shown = {"id": rotated.id, "secret": secret.text, "previous_until": rotated.previous_until}
    session.output.show(shown, secret.text)
    session.output.say(f"the new secret of the key {key}; it is not shown again")


@group.command()
@command
def revoke(session: Session, key: KeyId, data_dir: DataDir = None) -> None:
    """Let a key be of no use any more. A running gateway refuses it within a second.

    [green]sensorium key revoke 0123456789ab[/]
    """
    with _opened(data_dir) as store:
        revoked = store.revoke(key)
    session.output.show({"revoked": revoked.id}, f"revoked {revoked.id} ({revoked.spec.name})")


@group.command()
@command
def access(session: Session, key: KeyId, data_dir: DataDir = None) -> None:
    """Show the access key and the secret key for clients that sign their requests (VikingDB).

    They are the key's: what it may do, how much, and until when.

    [green]sensorium key access 0123456789ab[/]
    """
    from sensorium.cli.configuration import settings
    from sensorium.errors import NotFound
    from sensorium.gateway.keys.master import master_secret

    with _opened(data_dir) as store:
        found = next((stored.key for stored in store.all() if stored.key.id == key), None)
    if found is None:
        raise NotFound(f"there is no key {key!r}", field="key", metadata={"resource": key})
    secret = master_secret(settings(data_dir=data_dir).data_dir).signing_secret(key, found.generation)
    session.output.show({"access_key": key, "secret_key": secret}, f"{key}\n{secret}")


@contextmanager
def _opened(data_dir: Path | None) -> "Iterator[KeyStore]":
    from sensorium.cli.configuration import settings
    from sensorium.gateway.keys.store import STORE_FILE, KeyStore

    with KeyStore(settings(data_dir=data_dir).data_dir / STORE_FILE) as store:
        yield store


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="key", help="Make, list, rotate and revoke keys.")
