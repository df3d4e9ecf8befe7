"""The command tree: what `sensorium --help` shows."""

import os

import typer

from sensorium.cli import (
    aliases,
    backups,
    collections,
    connections,
    datasets,
    demo,
    documents,
    embed,
    health,
    jobs,
    keys,
    models,
    search,
    snapshots,
    status,
    tag,
    train,
    up,
    usage,
)
from sensorium.cli.failures import EXPLAINED
from sensorium.cli.options import Address, ApiKey, Before, Json, Timeout, TlsCa, Workspace

app = typer.Typer(
    name="sensorium",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(epilog=EXPLAINED)
def shared(
    context: typer.Context,
    *,
    address: Address = None,
    json: Json = False,
    timeout: Timeout = None,
    workspace: Workspace = None,
    api_key: ApiKey = None,
    tls_ca: TlsCa = None,
) -> None:
    """Embed and tag texts, keep documents, and find them again.

    Start a mesh with [bold]sensorium demo[/] (with a sample set) or [bold]sensorium up[/], then, in another shell:

    [green]sensorium embed "a red bicycle"[/]

    [green]sensorium search samples "Who won the Super Bowl?"[/]
    """
    dial = context.obj.dial if context.obj else Before().dial
    context.obj = Before(
        address or os.environ.get("SENSORIUM_ADDRESS"),
        json,
        timeout,
        workspace,
        api_key or os.environ.get("SENSORIUM_API_KEY"),
        tls_ca or os.environ.get("SENSORIUM_TLS_CA"),
        dial=dial,
    )


up.register(app)
demo.register(app)
status.register(app)
health.register(app)
embed.register(app)
search.register(app)
collections.register(app)
aliases.register(app)
snapshots.register(app)
backups.register(app)
documents.register(app)
tag.register(app)
datasets.register(app)
jobs.register(app)
connections.register(app)
models.register(app)
train.register(app)
keys.register(app)
usage.register(app)
