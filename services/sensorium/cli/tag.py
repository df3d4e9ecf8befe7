"""`sensorium tag`: tag texts, and keep the definitions by which that is done."""

from typing import TYPE_CHECKING, Annotated

import typer

from sensorium.cli import tag_definitions
from sensorium.cli.media import Images, Sounds, media_given
from sensorium.cli.options import command
from sensorium.cli.progress import progress
from sensorium.cli.session import Session
from sensorium.cli.texts import Lines, Texts, contents_given, given_bytes
from sensorium.errors import SensoriumError

if TYPE_CHECKING:
    from sensorium.model.tagging import ContentTags

Name = Annotated[str, typer.Argument(metavar="DEFINITION", help="The definition's id.", show_default=False)]
Version = Annotated[int, typer.Option(min=0, help="The version of the definition; 0 means the latest.")]
Candidates = Annotated[int, typer.Option(min=0, help="The most tags below their threshold to show too.")]

BATCH = 256

group = typer.Typer(no_args_is_help=True)
group.add_typer(tag_definitions.group, name="definition", help="Make, list, show, change and delete tag definitions.")


@group.command()
@command
def run(
    session: Session,
    definition: Name,
    texts: Texts = None,
    *,
    file: Lines = None,
    images: Images = None,
    sounds: Sounds = None,
    version: Version = 0,
    candidates: Candidates = 0,
) -> None:
    """Tag texts, images and sounds by a definition.

    [green]sensorium tag run driving "a bicycle crosses at the lights" --candidates 3[/]

    [green]sensorium tag run driving --file captions.txt --json > tags.jsonl[/]
    """
    from sensorium.client.batches import batches

    failed = total = 0
    with (
        contents_given(texts, file, media_given(images, sounds)) as given,
        session.client() as client,
        progress(session.output, "contents", given.count, prints_results=True) as done,
    ):
        for batch in batches(given.contents, BATCH, given_bytes):
            tagged = client.tag(definition, [content for _, content in batch], version=version, candidates=candidates)
            version = tagged.version  # An update meanwhile must not mix versions.
            for (text, _), result in zip(batch, tagged.results, strict=True):
                _show(session, text, result)
            failed += len(tagged.errors)
            total += len(batch)
            done(len(batch))
    session.partial(failed, total, "contents")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="tag", help="Tag texts, and keep the definitions by which that is done.")


def _show(session: Session, text: str, result: "ContentTags | SensoriumError") -> None:
    """Print one text with its tags or its error."""
    from rich.text import Text

    shown = text if len(text) <= 40 else f"{text[:39]}…"
    if isinstance(result, SensoriumError):
        session.output.show({"text": text, "error": result}, Text(f"{shown}  {result.message}", "red"))
        return
    tags = ", ".join(f"{each.tag} {each.score:.2f}" for each in result.tags) or "no tag"
    below = "".join(f", {each.tag} {each.score:.2f}" for each in result.candidates)
    readable = Text.assemble((shown, "bold"), f"  {tags}", (f"  below: {below[2:]}" if below else "", "dim"))
    session.output.show({"text": text, "tags": result.tags, "candidates": result.candidates}, readable)
