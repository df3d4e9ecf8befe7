"""Texts and contents as a caller gives them, and how large they are on the wire."""

from collections.abc import Iterable

from sensorium.model.content import Content, Part, TokenIds

Given = str | Part | Content  # a text, an image or a sound, or several weighted parts


def as_content(content: Given) -> Content:
    """Return a text or a part as a content, and a content as it is."""
    match content:
        case str():
            return Content.of_text(content)
        case Part():
            return Content((content,))
        case _:
            return content


def as_contents(contents: Given | Iterable[Given]) -> Iterable[Content]:
    """Return one text, part or content, or several, as contents."""
    alone = isinstance(contents, str | Part | Content)
    return map(as_content, (contents,) if alone else contents)  # type: ignore[arg-type]


def content_bytes(content: Content) -> int:
    """Return about how many bytes a content takes on the wire."""
    return sum(map(_part_bytes, content.parts))


def _part_bytes(part: Part) -> int:
    match part.body:
        case str(text):
            return len(text.encode(errors="replace"))
        case TokenIds(ids):
            return 3 * len(ids)
        case media:
            return len(media.data or media.uri or "")
