"""`sensorium document`: write, read, count and delete documents."""

from pathlib import Path
from typing import Annotated

import typer

from sensorium.cli import lines
from sensorium.cli.options import command
from sensorium.cli.selecting import Filter, NotTags, Tags, tag_filter
from sensorium.cli.session import Session
from sensorium.errors import SensoriumError

Name = Annotated[str, typer.Argument(metavar="COLLECTION", help="The collection's id.", show_default=False)]
Ids = Annotated[list[str], typer.Argument(metavar="ID...", help="The documents' ids.", show_default=False)]
SomeIds = Annotated[list[str] | None, typer.Argument(metavar="[ID...]", help="The documents' ids.", show_default=False)]
File = Annotated[Path, typer.Argument(metavar="FILE", help="JSON Lines; - for stdin.", allow_dash=True)]
BatchSize = Annotated[int, typer.Option(min=1, max=2048, help="The most documents of one call.")]
Strict = Annotated[bool, typer.Option("--strict", help="Stop at the first document that cannot be written.")]
Vectors = Annotated[bool, typer.Option("--vectors", help="Show vectors too (with --json).")]

group = typer.Typer(no_args_is_help=True)


@group.command()
@command
def upsert(
    session: Session, collection: Name, file: File = lines.STDIN, batch_size: BatchSize = 256, strict: Strict = False
) -> None:
    """Write documents from JSON Lines; one that exists is replaced.

    A line is {"id", "text", "tags", "attributes"}, of which only id and text are needed. Beside the text or in
    its place may stand an "image" and an "audio", a file here or a URI, or in the place of all a "vector".
    A bad line is reported and stops no other.

    [green]sensorium document upsert garage cars.jsonl[/]

    [green]echo '{"id": "1", "text": "a red bicycle"}' | sensorium document upsert garage -[/]
    """
    from sensorium.cli.writing import write

    if file != lines.STDIN and not file.is_file():
        raise typer.BadParameter(f"there is no file {file}", param_hint="FILE")
    with lines.opened(file) as opened, session.client() as client:
        outcome = write(client, session.output, collection, opened, batch_size=batch_size, strict=strict)
    session.output.show(outcome, f"{outcome.written_count:,} documents written to {collection}")
    session.partial(outcome.failed_count, outcome.written_count + outcome.failed_count, "documents")


@group.command()
@command
def get(session: Session, collection: Name, ids: Ids, vectors: Vectors = False) -> None:
    """Show documents.

    [green]sensorium document get samples p000 p001[/]

    [green]sensorium document get samples p000 --vectors --json[/]
    """
    from sensorium.cli.tables import documents_table

    with session.client() as client:
        results = client.get_many(collection, ids, with_vectors=vectors)
    errors = [each for each in results if isinstance(each, SensoriumError)]
    found = [each for each in results if not isinstance(each, SensoriumError)]
    if found:
        session.output.show_each(found, documents_table(found))
    for error in errors[:-1]:
        session.output.fail(error)
    if errors:
        raise errors[-1]


@group.command()
@command
def count(
    session: Session, collection: Name, filter_: Filter = "", tags: Tags = None, not_tags: NotTags = None
) -> None:
    """Count documents, all of them or those that satisfy a filter and have tags.

    [green]sensorium document count samples[/]

    [green]sensorium document count shed --filter "wheels >= 2" --not-tag red[/]
    """
    with session.client() as client:
        documents = client.count(collection, filter=filter_, tags=tag_filter(tags, not_tags))
    session.output.show({"count": documents}, f"{documents:,}")


@group.command()
@command
def delete(
    session: Session,
    collection: Name,
    ids: SomeIds = None,
    *,
    filter_: Filter = "",
    tags: Tags = None,
    not_tags: NotTags = None,
) -> None:
    """Delete documents by id, or those that satisfy a filter and have tags; ids that do not exist are no error.

    [green]sensorium document delete samples p000 p001[/]

    [green]sensorium document delete shed --filter "wheels > 3"[/]
    """
    selecting = bool(filter_ or tags or not_tags)
    if selecting == bool(ids):
        raise typer.BadParameter("give either ids, or --filter, --tag and --not-tag", param_hint="ID...")
    with session.client() as client:
        if ids:
            deleted = client.delete(collection, ids)
        else:
            deleted = client.delete_selected(collection, filter=filter_, tags=tag_filter(tags, not_tags))
    session.output.show({"deleted_count": deleted}, f"{deleted:,} documents deleted")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="document", help="Write, read, count and delete documents.")
