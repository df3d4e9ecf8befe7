"""The bundled sample set: passages with questions that some of them answer, photos and sounds with searches."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sensorium.client import Content, Document, Part, QueryPart, audio, image
from sensorium.errors import NotFound

_FILES = ("passages.jsonl", "questions.jsonl", "media.jsonl", "searches.jsonl", "gallery-tags.json")
_WITHOUT_WEIGHT = -0.5
# Beside a photo or a sound: those are nearer to one another than words are to them, and would drown them out.
_BESIDE_WEIGHT = 2.0


@dataclass(frozen=True, slots=True)
class Question:
    """A question and the passage that answers it."""

    text: str
    passage_id: str


@dataclass(frozen=True, slots=True)
class Medium:
    """A photo or a sound.

    Attributes:
        id: Of its document.
        kind: `photo` or `sound`.
        path: Its file.
        title: What it shows, or what is heard, in words of others.
        author: Who made it; empty where only the source says so.
        source: Where it is published.
        license: The short name of its licence, whose text is at `license_url`.
    """

    id: str
    kind: str
    path: Path
    title: str
    author: str
    source: str
    license: str
    license_url: str

    def part(self) -> Part:
        """Return it as a mesh takes it."""
        return image(self.path) if self.kind == "photo" else audio(self.path)


@dataclass(frozen=True, slots=True)
class MediaSearch:
    """A search for photos or sounds, by words, by one of them, or both, and away from other words.

    Attributes:
        kind: What is looked for: `photo` or `sound`.
    """

    kind: str
    words: str = ""
    medium: Medium | None = None
    without: str = ""

    def query(self) -> list[Part | QueryPart]:
        """Return the parts of the query."""
        parts: list[Part | QueryPart] = [self.medium.part()] if self.medium else []
        if self.words:
            parts.append(_words(self.words, _BESIDE_WEIGHT if self.medium else 1.0))
        if self.without:
            parts.append(_words(self.without, _WITHOUT_WEIGHT))
        return parts

    def told(self) -> str:
        """Return what is looked for, in words."""
        shown = f"the {self.medium.kind} “{self.medium.title}”" if self.medium else ""
        looked_for = " and ".join(filter(None, (shown, f"“{self.words}”" if self.words else "")))
        return f"{looked_for}, not “{self.without}”" if self.without else looked_for


class SampleSet:
    """The files of one folder.

    Raises:
        NotFound: The folder is not there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for name in _FILES:
            if not (folder / name).is_file():
                raise NotFound(
                    f"the sample set has no {name} in {folder.absolute()}: run this in a checkout, or name the folder "
                    "with SENSORIUM_SAMPLES"
                )

    @property
    def tags(self) -> Path:
        """The file of a tag definition for photos and sounds."""
        return self._folder / "gallery-tags.json"

    def documents(self) -> list[Document]:
        """Return the passages, each found by its title and text, which it keeps as attributes."""
        return [
            Document(
                passage["id"],
                text=f"{passage['title']}. {passage['text']}",
                attributes={"title": passage["title"], "text": passage["text"]},
            )
            for passage in self._records("passages.jsonl")
        ]

    def questions(self) -> list[Question]:
        """Return the questions."""
        return [Question(record["text"], record["passage_id"]) for record in self._records("questions.jsonl")]

    def media(self) -> list[Medium]:
        """Return the photos and the sounds."""
        return [Medium(path=self._folder / record.pop("file"), **record) for record in self._records("media.jsonl")]

    def searches(self) -> list[MediaSearch]:
        """Return the searches for photos and sounds."""
        by_path = {medium.path: medium for medium in self.media()}
        return [
            MediaSearch(
                record["kind"],
                record.get("words", ""),
                by_path[self._folder / record["file"]] if "file" in record else None,
                record.get("without", ""),
            )
            for record in self._records("searches.jsonl")
        ]

    def _records(self, name: str) -> Iterator[dict[str, Any]]:
        with (self._folder / name).open(encoding="utf-8") as lines:
            yield from map(json.loads, lines)


def _words(text: str, weight: float) -> QueryPart:
    return QueryPart(Content.of_text(text), weight)
