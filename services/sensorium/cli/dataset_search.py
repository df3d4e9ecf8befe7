"""`sensorium dataset search`, `duplicates` and `diff`: find the files of a version, or what differs from another."""

from typing import Annotated

import typer

from sensorium.cli.dataset_options import Filter, Name, Version
from sensorium.cli.media import Images, Sounds, Without, query_given
from sensorium.cli.options import command
from sensorium.cli.selecting import AnyTags, NotTags, Tags, tag_filter
from sensorium.cli.session import Session

Words = Annotated[str | None, typer.Argument(help="What to look for; else what matches is listed.")]
TopK = Annotated[int, typer.Option(min=0, help="The most hits; 0 means 10, or what the filter says.")]
MinScore = Annotated[float | None, typer.Option(help="The least score of a hit.", show_default=False)]
Facets = Annotated[list[str] | None, typer.Option("--facet", help="Count by this field.", show_default=False)]
Explain = Annotated[bool, typer.Option("--explain", help="Show how the search would run, and do not run it.")]
LeastScore = Annotated[float, typer.Option(min=0, max=1, help="The least similarity; 0 means 0.97.")]


@command
def search(
    session: Session,
    dataset: Name,
    words: Words = None,
    *,
    images: Images = None,
    sounds: Sounds = None,
    without: Without = None,
    filter: Filter = "",
    tags: Tags = None,
    any_tags: AnyTags = None,
    not_tags: NotTags = None,
    top_k: TopK = 0,
    min_score: MinScore = None,
    facets: Facets = None,
    explain: Explain = False,
    version: Version = 0,
) -> None:
    """Find the files nearest to words, images or sounds, within a filter.

    [green]sensorium dataset search road "a wet street" --tag night --facet file_dir[/]

    [green]sensorium dataset search road --filter 'Content:"two cars" AND Tags.all = "rain" AND TopK = 50'[/]
    """
    from sensorium.cli.dataset_tables import hits_lines
    from sensorium.cli.tables import plan_text

    query = query_given(words, images, sounds, without)
    condition = tag_filter(tags, not_tags, any_tags)
    with session.client() as client:
        if explain:
            plan = client.datasets.explain(dataset, query, version, filter=filter, tags=condition)
            session.output.show(plan, plan_text(plan, "files"))
            return
        found = client.datasets.search(
            dataset, query, version, filter=filter, tags=condition, top_k=top_k, min_score=min_score,
            facets=facets or (),
        )  # fmt: skip
    session.output.show(found, hits_lines(found))


@command
def duplicates(
    session: Session, dataset: Name, *, filter: Filter = "", least_score: LeastScore = 0.0, version: Version = 0
) -> None:
    """Show groups of indexed files that are almost the same.

    [green]sensorium dataset duplicates road --filter 'FileType = "image"'[/]
    """
    from sensorium.cli.dataset_tables import twins_lines

    with session.client() as client:
        found = client.datasets.near_duplicates(dataset, version, filter=filter, least_score=least_score)
        session.output.show_coming(found, twins_lines, "no near duplicates")


@command
def diff(
    session: Session,
    dataset: Name,
    version: Annotated[int, typer.Argument(min=1, help="The number of a version.")],
    base: Annotated[int, typer.Argument(min=1, help="The version to compare it with.")],
) -> None:
    """Show the files in which a version differs from another.

    [green]sensorium dataset diff road 2 1[/]
    """
    from sensorium.cli.dataset_tables import difference_line

    with session.client() as client:
        session.output.show_coming(client.datasets.diff(dataset, version, base), difference_line, "no differences")


def register(datasets: typer.Typer) -> None:
    """Add the commands to those of datasets."""
    datasets.command()(search)
    datasets.command()(duplicates)
    datasets.command()(diff)
