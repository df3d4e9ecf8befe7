"""`sensorium search`: the documents nearest to words, images or sounds."""

from typing import Annotated

import typer

from sensorium.cli.media import Images, Sounds, Without, query_given
from sensorium.cli.options import command
from sensorium.cli.selecting import AnyTags, Filter, NotTags, Tags, tag_filter
from sensorium.cli.session import Session

Collection = Annotated[str, typer.Argument(help="The collection's id.", show_default=False)]
Words = Annotated[str | None, typer.Argument(help="What to look for.", show_default=False)]
TopK = Annotated[int, typer.Option(min=1, help="The most hits.")]
MinScore = Annotated[float | None, typer.Option(help="The least score of a hit.", show_default=False)]
Instruction = Annotated[str, typer.Option(help="What the search is for, for models that follow instructions.")]
Facets = Annotated[
    list[str] | None, typer.Option("--facet", help="Count the values of this field.", show_default=False)
]
GroupBy = Annotated[str, typer.Option(help="Show groups by this attribute.", show_default=False)]
GroupSize = Annotated[int, typer.Option(min=1, help="The most hits of a group.")]
Explain = Annotated[bool, typer.Option("--explain", help="Show how the search would run, and do not run it.")]


@command
def search(
    session: Session,
    collection: Collection,
    words: Words = None,
    *,
    images: Images = None,
    sounds: Sounds = None,
    without: Without = None,
    top_k: TopK = 10,
    min_score: MinScore = None,
    filter_: Filter = "",
    tags: Tags = None,
    any_tags: AnyTags = None,
    not_tags: NotTags = None,
    facets: Facets = None,
    group_by: GroupBy = "",
    group_size: GroupSize = 1,
    explain: Explain = False,
    instruction: Instruction = "",
) -> None:
    """Find the documents nearest to words, images or sounds, nearest first; several are looked for together.

    Filters are explained in docs/filters.md.

    [green]sensorium search samples "Who won the Super Bowl?" --top-k 3[/]

    [green]sensorium search photos --image beach.jpg --without "people"[/]

    [green]sensorium search samples "oxygen" --min-score 0.4 --json[/]

    [green]sensorium search shed "two wheels" --filter "wheels >= 2" --not-tag red --facet wheels[/]
    """
    from sensorium.cli.tables import found_table, plan_text
    from sensorium.client import SearchOptions

    options = SearchOptions(
        top_k=top_k,
        min_score=min_score,
        filter=filter_,
        tags=tag_filter(tags, not_tags, any_tags),
        facets=facets or [],
        group_by=group_by,
        group_size=group_size,
        instruction=instruction,
    )
    query = query_given(words, images, sounds, without)
    if not query:
        raise typer.BadParameter("give words, or images or sounds")
    with session.client() as client:
        if explain:
            plan = client.explain(collection, query, **options)
            session.output.show(plan, plan_text(plan))
            return
        hits = client.search(collection, query, **options)
    session.output.show(hits, found_table(hits) if hits or hits.groups or hits.facets else "no hits")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(search)
