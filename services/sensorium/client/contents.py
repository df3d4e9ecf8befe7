"""Texts and contents as a caller gives them, and how large they are on the wire."""

from collections.abc import Iterable

from sensorium.model.content import Content, Part


def as_content(content: str | Content) -> Content:
    """Return a text as a content, and a content as it is."""
    return Content.of_text(content) if isinstance(content, str) else content


def as_contents(contents: str | Content | Iterable[str | Content]) -> Iterable[Content]:
    """Return one text or content, or several, as contents."""
    alone = isinstance(contents, str | Content)
    return map(as_content, (contents,) if alone else contents)  # type: ignore[arg-type]


def content_bytes(content: Content) -> int:
    """Return about how many bytes a content takes on the wire."""
    return sum(map(_part_bytes, content.parts))


def _part_bytes(part: Part) -> int:
    if isinstance(part.body, str):
        return len(part.body.encode(errors="replace"))
    return len(part.body.data or part.body.uri or "")
