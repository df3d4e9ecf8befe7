"""`sensorium collection`: make, list, show, change and delete collections."""

from typing import TYPE_CHECKING, Annotated

import typer

from sensorium.cli.choices import MetricName
from sensorium.cli.options import command
from sensorium.cli.session import Session
from sensorium.errors import InvalidArgument

if TYPE_CHECKING:
    from sensorium.model.collection import AttributeField

Name = Annotated[str, typer.Argument(metavar="COLLECTION", help="The collection's id.", show_default=False)]
AnyName = Annotated[str, typer.Argument(metavar="[COLLECTION]", help="The collection's id; all without one.")]
NewName = Annotated[str, typer.Argument(metavar="NEW_COLLECTION", help="The new collection's id.", show_default=False)]
Job = Annotated[str, typer.Argument(metavar="JOB", help="The job's id.", show_default=False)]
NewModel = Annotated[str, typer.Option("--model", help="The model to embed with.", show_default=False)]
Source = Annotated[str, typer.Option("--from", help="The attribute that holds the text, or a URI.", show_default=False)]
NewAlias = Annotated[str, typer.Option("--alias", help="What to point at the new collection, if nothing failed.")]
Model = Annotated[str, typer.Option(help="The model whose vectors it holds; without one, give --dimension.")]
Dimension = Annotated[int, typer.Option(min=0, help="The dimension of its vectors; 0 means the model's own.")]
Metric = Annotated[MetricName | None, typer.Option(help="How vectors are compared; the model's own by default.")]
Description = Annotated[str, typer.Option(help="What it is for.")]
NewDescription = Annotated[str | None, typer.Option("--description", help="What it is for.", show_default=False)]
Etag = Annotated[str, typer.Option(help="Change it only if this is still its etag.")]
Attributes = Annotated[
    list[str] | None,
    typer.Option(
        "--attribute",
        metavar="NAME:TYPE",
        help="An attribute that filters may use; string, int, double, bool, time or string_list. Repeatable.",
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Delete it even when it holds documents.")]

group = typer.Typer(no_args_is_help=True)


@group.command()
@command
def create(
    session: Session,
    collection: Name,
    *,
    model: Model = "",
    dimension: Dimension = 0,
    metric: Metric = None,
    description: Description = "",
    attribute: Attributes = None,
) -> None:
    """Create a collection.

    [green]sensorium collection create garage --model all-minilm-l6-v2 --attribute wheels:int[/]

    [green]sensorium collection create own-vectors --dimension 128 --metric dot[/]
    """
    from sensorium.cli.tables import collections_table

    fields = _declared(attribute)
    with session.client() as client:
        created = client.create_collection(
            collection, model=model, description=description, dimension=dimension, metric=metric, attributes=fields
        )
    session.output.show(created, collections_table([created]))


@group.command("list")
@command
def list_(session: Session) -> None:
    """List the collections of the workspace, by id.

    [green]sensorium collection list[/]

    [green]sensorium collection list --json | jq -r .id[/]
    """
    from sensorium.cli.tables import collections_table

    with session.client() as client:
        collections = list(client.collections())
    session.output.show_each(collections, collections_table(collections) if collections else "no collections")


@group.command()
@command
def get(session: Session, collection: Name) -> None:
    """Show one collection.

    [green]sensorium collection get garage[/]
    """
    from sensorium.cli.tables import collections_table

    with session.client() as client:
        found = client.get_collection(collection)
    session.output.show(found, collections_table([found]))


@group.command()
@command
def update(
    session: Session,
    collection: Name,
    *,
    description: NewDescription = None,
    attribute: Attributes = None,
    etag: Etag = "",
) -> None:
    """Change a collection's description, or declare more attributes for filters; what is not given stays.

    [green]sensorium collection update garage --attribute color:string --description "What stands in the garage."[/]
    """
    from sensorium.cli.tables import collections_table

    if description is None and not attribute:
        raise typer.BadParameter("give --description or --attribute", param_hint="COLLECTION")
    fields = _declared(attribute)
    with session.client() as client:
        changed = client.update_collection(collection, description=description, attributes=fields, etag=etag)
    session.output.show(changed, collections_table([changed]))


@group.command()
@command
def delete(session: Session, collection: Name, force: Force = False) -> None:
    """Delete a collection; one that holds documents needs --force.

    [green]sensorium collection delete garage --force[/]
    """
    with session.client() as client:
        client.delete_collection(collection, force=force)
    session.output.show({"deleted": collection}, f"deleted {collection}")


@group.command()
@command
def jobs(session: Session, collection: AnyName = "") -> None:
    """List the long work on a collection, or on all of the workspace, latest first.

    [green]sensorium collection jobs garage[/]
    """
    from sensorium.cli.tables import jobs_table

    with session.client() as client:
        found = list(client.jobs(collection))
    session.output.show_each(found, jobs_table(found) if found else "no jobs")


@group.command()
@command
def cancel(session: Session, collection: Name, job: Job) -> None:
    """Let a job stop soon; what was there before it stays as it was.

    [green]sensorium collection cancel garage j0123456789abcdef0123456789abcdef[/]
    """
    from sensorium.cli.tables import jobs_table

    with session.client() as client:
        found = client.cancel_job(collection, job)
    session.output.show(found, jobs_table([found]))


@group.command()
@command
def reembed(
    session: Session,
    collection: Name,
    new_collection: NewName,
    *,
    model: NewModel,
    source: Source,
    alias: NewAlias = "",
) -> None:
    """Embed a collection with another model into a new one, and point an alias at that when all is in.

    The mesh does it, and goes on after a restart; Ctrl-C stops watching alone.

    [green]sensorium collection reembed garage garage-2 --model bge-m3 --from text --alias live[/]
    """
    from sensorium.cli.progress import followed

    with session.client() as client, followed(session.output, new_collection) as follow:
        job = client.reembed(
            collection,
            new_collection,
            model=model,
            source_attribute=source,
            alias=alias,
            on_change=lambda job: follow(job.done_count + job.failed_count, job.total_count),
        )
    session.output.show(job, f"{job.done_count:,} documents are in {new_collection}")


def _declared(attributes: list[str] | None) -> "list[AttributeField]":
    from sensorium.model.collection import AttributeField, AttributeType

    known = {each.value for each in AttributeType}
    fields = []
    for declared in attributes or []:
        name, _, kind = declared.partition(":")
        if not name or kind not in known:
            raise InvalidArgument(
                f"--attribute {declared!r} is not NAME:TYPE with a type of {', '.join(sorted(known))}"
            )
        fields.append(AttributeField(name, AttributeType(kind)))
    return fields


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="collection", help="Make, list, show, change and delete collections.")
