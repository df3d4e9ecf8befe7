"""The options that select documents, shared by the commands that find, count and delete them."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from sensorium.client import TagFilter

Filter = Annotated[str, typer.Option("--filter", help="What documents must satisfy.", show_default=False)]
Tags = Annotated[list[str] | None, typer.Option("--tag", help="A tag that documents must have.", show_default=False)]
AnyTags = Annotated[
    list[str] | None, typer.Option("--any-tag", help="A tag of which they must have one.", show_default=False)
]
NotTags = Annotated[
    list[str] | None, typer.Option("--not-tag", help="A tag that they must not have.", show_default=False)
]


def tag_filter(tags: list[str] | None, not_tags: list[str] | None, any_tags: list[str] | None = None) -> "TagFilter":
    """Return the condition on tags."""
    from sensorium.client import TagFilter

    return TagFilter(any=tuple(any_tags or ()), all=tuple(tags or ()), none=tuple(not_tags or ()))
