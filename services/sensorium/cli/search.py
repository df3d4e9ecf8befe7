"""`sensorium search`: the documents nearest to some words."""

from typing import Annotated

import typer

from sensorium.cli.options import command
from sensorium.cli.session import Session

Collection = Annotated[str, typer.Argument(help="The collection's id.", show_default=False)]
Words = Annotated[str, typer.Argument(help="What to look for.", show_default=False)]
TopK = Annotated[int, typer.Option(min=1, help="The most hits.")]
MinScore = Annotated[float | None, typer.Option(help="The least score of a hit.", show_default=False)]
Instruction = Annotated[str, typer.Option(help="What the search is for, for models that follow instructions.")]


@command
def search(
    session: Session,
    collection: Collection,
    words: Words,
    *,
    top_k: TopK = 10,
    min_score: MinScore = None,
    instruction: Instruction = "",
) -> None:
    """Find the documents nearest to some words, nearest first.

    [green]sensorium search samples "Who won the Super Bowl?" --top-k 3[/]

    [green]sensorium search samples "oxygen" --min-score 0.4 --json[/]
    """
    from sensorium.cli.tables import hits_table

    with session.client() as client:
        hits = client.search(collection, words, top_k=top_k, min_score=min_score, instruction=instruction)
    session.output.show(hits, hits_table(hits) if hits else "no hits")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(search)
