"""`sensorium tag definition`: make, list, show, change and delete tag definitions."""

from pathlib import Path
from typing import Annotated

import typer

from sensorium.cli.options import command
from sensorium.cli.session import Session

Name = Annotated[str, typer.Argument(metavar="DEFINITION", help="The definition's id.", show_default=False)]
File = Annotated[
    Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="JSON or TOML.", show_default=False)
]
Version = Annotated[int, typer.Option(min=0, help="The version; 0 means the latest.")]
Versions = Annotated[bool, typer.Option("--versions", help="All versions, latest first.")]
Etag = Annotated[str, typer.Option(help="Change it only if this is still the etag of its latest version.")]
RequestId = Annotated[str, typer.Option(help="A UUID that makes a repeat harmless.")]

group = typer.Typer(no_args_is_help=True)


@group.command()
@command
def create(session: Session, definition: Name, file: File, request_id: RequestId = "") -> None:
    """Create a tag definition from a file.

    The file holds "tags" (descriptions by tag, or a list of tag, description, group, threshold) and may hold
    "guide_prompt", "display_name", "model", "threshold" and "max_tag_count".

    [green]sensorium tag definition create driving samples/driving-tags.json[/]
    """
    from sensorium.cli.definition_file import read_definition
    from sensorium.cli.tables import definition_line

    spec = read_definition(file).spec()
    with session.client() as client:
        created = client.create_tag_definition(
            definition,
            spec.tags,
            display_name=spec.display_name,
            guide_prompt=spec.guide_prompt,
            model=spec.model,
            threshold=spec.threshold,
            max_tag_count=spec.max_tag_count,
            request_id=request_id,
        )
    session.output.show(created, definition_line(created))


@group.command("list")
@command
def list_(session: Session) -> None:
    """List the tag definitions of the workspace, by id.

    [green]sensorium tag definition list[/]
    """
    from sensorium.cli.tables import definitions_table

    with session.client() as client:
        found = list(client.tag_definitions())
    session.output.show_each(found, definitions_table(found) if found else "no tag definitions")


@group.command()
@command
def get(session: Session, definition: Name, version: Version = 0, versions: Versions = False) -> None:
    """Show a tag definition with its tags, or the list of its versions.

    [green]sensorium tag definition get driving --version 1[/]

    [green]sensorium tag definition get driving --versions[/]
    """
    from sensorium.cli.tables import definitions_table, tags_table

    with session.client() as client:
        if versions:
            found = list(client.tag_definition_versions(definition))
            session.output.show_each(found, definitions_table(found))
            return
        one = client.get_tag_definition(definition, version=version)
    session.output.show(one, tags_table(one))


@group.command()
@command
def update(session: Session, definition: Name, file: File, etag: Etag = "", request_id: RequestId = "") -> None:
    """Make a new version: what the file holds changes, the rest stays.

    [green]sensorium tag definition update driving changes.toml[/]
    """
    from sensorium.cli.definition_file import read_definition
    from sensorium.cli.tables import definition_line

    change = read_definition(file)
    with session.client() as client:
        updated = client.update_tag_definition(
            definition,
            tags=change.tags,
            display_name=change.display_name,
            guide_prompt=change.guide_prompt,
            model=change.model,
            threshold=change.threshold,
            max_tag_count=change.max_tag_count,
            etag=etag,
            request_id=request_id,
        )
    session.output.show(updated, definition_line(updated))


@group.command()
@command
def delete(session: Session, definition: Name) -> None:
    """Delete a tag definition and its versions.

    [green]sensorium tag definition delete driving[/]
    """
    with session.client() as client:
        client.delete_tag_definition(definition)
    session.output.show({"deleted": definition}, f"deleted {definition}")
