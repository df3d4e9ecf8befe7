"""`sensorium dataset search`, `duplicates` and `diff`: find the files of a version, or what differs from another."""

from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from sensorium.cli.dataset_options import Filter, Name, Version
from sensorium.cli.media import Images, Sounds, Without, query_given
from sensorium.cli.options import command
from sensorium.cli.selecting import AnyTags, NotTags, Tags, tag_filter
from sensorium.cli.session import Session

if TYPE_CHECKING:
    from sensorium.model.file_search import FileSearchResponse

Words = Annotated[
    str | None, typer.Argument(metavar="WORDS", help="What to look for; else what matches is listed, by URI.")
]
TopK = Annotated[
    int,
    typer.Option(
        min=0,
        max=10_000,
        help="The most hits of all pages; 0 means 10, or of a list all, or what TopK= of the filter says.",
    ),
]
PageSize = Annotated[
    int,
    typer.Option(
        min=0, help="The most hits of a page, 1,000 at most; 0 means all of --top-k, or 10 of a list, 1,000 with --all."
    ),
]
PageToken = Annotated[
    str,
    typer.Option(
        help="The next page, as the page before says it; the rest must be the same.", show_default="the first"
    ),
]
All = Annotated[
    bool,
    typer.Option("--all", help="Every page, one after another: all of a list, of a search 1,000 hits or --top-k."),
]
MinScore = Annotated[
    float | None, typer.Option(help="The least score of a hit, a cosine from -1 to 1.", show_default="none")
]
Facets = Annotated[
    list[str] | None,
    typer.Option(
        "--facet",
        help="Count all that matches by this field, as file_dir or tags; may be given again.",
        show_default=False,
    ),
]
Explain = Annotated[bool, typer.Option("--explain", help="Show how the search would run, and do not run it.")]
LeastScore = Annotated[
    float, typer.Option(min=0, max=1, help="The least similarity, a cosine from 0 to 1; 0 means 0.97.")
]
EVERY_PAGE = 1000


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
    page_size: PageSize = 0,
    page_token: PageToken = "",
    every: All = False,
    min_score: MinScore = None,
    facets: Facets = None,
    explain: Explain = False,
    version: Version = 0,
) -> None:
    """Find the files nearest to words, images or sounds, within a filter; without them, list what matches.

    [green]sensorium dataset search road "a wet street" --tag night --facet file_dir[/]

    [green]sensorium dataset search road --filter 'Content:"two cars" AND Tags.all = "rain" AND TopK = 50'[/]

    [green]sensorium dataset search road --image street.jpg --top-k 500 --page-size 50[/]

    [green]sensorium dataset search road --tag night --all --json[/]
    """
    from sensorium.cli.tables import plan_text

    if every and page_token:
        raise typer.BadParameter("--all begins at the first page: leave out --page-token")

    query = query_given(words, images, sounds, without)
    condition = tag_filter(tags, not_tags, any_tags)
    with session.client() as client:
        if explain:
            plan = client.datasets.explain(dataset, query, version, filter=filter, tags=condition)
            session.output.show(plan, plan_text(plan, "files"))
            return
        pages = client.datasets.search_pages(
            dataset,
            query,
            version,
            filter=filter,
            tags=condition,
            top_k=top_k,
            min_score=min_score,
            facets=facets or (),
            page_size=page_size or (EVERY_PAGE if every else 0),
            page_token=page_token,
        )
        _show(session, pages if every else islice(pages, 1))


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
    version: Annotated[int, typer.Argument(metavar="VERSION", min=1, help="The number of a version, 2 for v2.")],
    base: Annotated[int, typer.Argument(metavar="BASE", min=1, help="The number of the one to compare it with.")],
) -> None:
    """Show the files that a version has more, less or changed than another, with tags that came and went.

    [green]sensorium dataset diff road 2 1[/]
    """
    from sensorium.cli.dataset_tables import difference_line

    with session.client() as client:
        session.output.show_coming(client.datasets.diff(dataset, version, base), difference_line, "no differences")


def _show(session: Session, pages: "Iterable[FileSearchResponse]") -> None:
    """Print pages of hits, and what asks for the next when there is more."""
    from sensorium.cli.dataset_tables import hits_lines, more_hits_lines

    token = ""
    for number, page in enumerate(pages):
        if page.hits or not number:
            session.output.show(page, more_hits_lines(page) if number else hits_lines(page))
        token = page.next_page_token
    if token:
        session.output.say(f"more: --page-token {token}")


def register(datasets: typer.Typer) -> None:
    """Add the commands to those of datasets."""
    datasets.command()(search)
    datasets.command()(duplicates)
    datasets.command()(diff)
