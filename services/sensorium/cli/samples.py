"""The bundled sample set: passages, and questions that some of them answer."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sensorium.client import Document
from sensorium.errors import NotFound


@dataclass(frozen=True, slots=True)
class Question:
    """A question and the passage that answers it."""

    text: str
    passage_id: str


class SampleSet:
    """The files of one folder.

    Raises:
        NotFound: The folder is not there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for name in ("passages.jsonl", "questions.jsonl"):
            if not (folder / name).is_file():
                raise NotFound(
                    f"the sample set has no {name} in {folder.absolute()}: run this in a checkout, or name the folder "
                    "with SENSORIUM_SAMPLES"
                )

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

    def _records(self, name: str) -> Iterator[dict[str, Any]]:
        with (self._folder / name).open(encoding="utf-8") as lines:
            yield from map(json.loads, lines)
