"""`sensorium usage`: what keys have consumed of which models."""

from typing import Annotated

import typer

from sensorium.cli.choices import UsagePeriodName
from sensorium.cli.moments import moment
from sensorium.cli.options import command
from sensorium.cli.session import Session

KeyOption = Annotated[
    str | None, typer.Option("--key", metavar="KEY", help="The only key that counts; '' for callers without one.")
]
Model = Annotated[str, typer.Option(help="The only model that counts.", show_default="all")]
Since = Annotated[
    str, typer.Option(metavar="WHEN", help="Count from then on: 30m, 12h or 90d ago, or a date and time in ISO 8601.")
]
Until = Annotated[str, typer.Option(metavar="WHEN", help="Count hours that begin before then.", show_default="now")]
By = Annotated[UsagePeriodName, typer.Option(help="Into which periods counts are added up, in UTC.")]
AllWorkspaces = Annotated[bool, typer.Option("--all-workspaces", help="Count every workspace.")]


@command
def usage(
    session: Session,
    *,
    key: KeyOption = None,
    model: Model = "",
    since: Since = "",
    until: Until = "",
    by: By = UsagePeriodName.WHOLE,
    all_workspaces: AllWorkspaces = False,
) -> None:
    """Tell what keys have consumed, by model and modality, over gRPC and HTTP. It takes an admin's key.

    [green]sensorium usage --since 30d --by day[/]

    [green]sensorium usage --all-workspaces --json | jq -r '[.key_id, .model, .usage.token_count] | @tsv'[/]
    """
    from sensorium.cli.tables import usage_table

    with session.client() as client:
        found = list(
            client.usage(
                key=key,
                model=model,
                start=moment(since, "--since", past=True) if since else None,
                end=moment(until, "--until", past=True) if until else None,
                period=by.value,
                all_workspaces=all_workspaces,
            )
        )
    session.output.show_each(found, usage_table(found) if found else "nothing was consumed")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(usage)
