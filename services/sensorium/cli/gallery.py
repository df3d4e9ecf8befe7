"""What `sensorium demo` does with photos and sounds: finds them by words, by one another and by both, and tags some."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich import box
from rich.table import Table
from rich.text import Text

from sensorium.cli.definition_file import read_definition
from sensorium.cli.demo_collection import ensure_collection
from sensorium.cli.gallery_page import FoundMedium, Section, gallery_page
from sensorium.cli.output import Output
from sensorium.cli.progress import progress
from sensorium.cli.samples import MediaSearch, Medium, SampleSet
from sensorium.client import AsyncClient, AttributeField, AttributeType, Content, Document
from sensorium.errors import InvalidArgument, NotFound
from sensorium.model.embedding import ModelInfo
from sensorium.model.tagging import ContentTags

MODEL = "starter-trimodal-v1"
COLLECTION = "gallery"
BATCH_ITEMS = 16
HITS = 4
NEAR = 10
TAGGED_OF_EACH_KIND = 6


@dataclass(frozen=True, slots=True)
class Found:
    """A search and what it found, nearest first; the medium that was searched by is left out."""

    search: MediaSearch
    hits: tuple[FoundMedium, ...]

    def section(self) -> Section:
        """Return it as the page shows it."""
        return Section(self.search.told(), self.search.medium, self.hits)

    def line(self) -> dict[str, object]:
        """Return it as a line of JSON holds it."""
        hits = [{"id": hit.medium.id, "title": hit.medium.title, "score": hit.score} for hit in self.hits]
        return {"search": self.search.told(), "kind": self.search.kind, "hits": hits}


class Gallery:
    """Photos and sounds of the sample set, in one collection of the starter model.

    Args:
        output: Where to print.
        client: Calls the mesh.
        samples: What to index and to look for.
        page: The HTML file to write.
        model: A model that takes texts, images and sounds.
    """

    def __init__(self, output: Output, client: AsyncClient, samples: SampleSet, page: Path, model: str = MODEL) -> None:
        self._output = output
        self._client = client
        self._samples = samples
        self._page = page
        self._model = model
        self._media = {medium.id: medium for medium in samples.media()}

    async def show(self) -> None:
        """Index, search, tag, print, and write the page; say so where the mesh does not serve the model."""
        try:
            model = await self._client.model(self._model)
        except NotFound:
            self._output.say(f"{self._model} is not served here: no photos and sounds are shown")
            return
        await self.index(model)
        found = await self.search()
        await self.tag(model)
        self._write_page(model, found)

    async def index(self, model: ModelInfo) -> None:
        """Write photos and sounds, unless they are there already.

        Raises:
            FailedPrecondition: There is a collection of that name that is not the demo's.
        """
        kinds = [AttributeField("kind", AttributeType.STRING)]
        await ensure_collection(self._client, self._output, COLLECTION, model, kinds)
        present = await self._client.count(COLLECTION)
        if present < len(self._media):
            with progress(self._output, "indexing", len(self._media)) as advance:
                report = await self._client.upsert(
                    COLLECTION,
                    [_document(medium) for medium in self._media.values()],
                    batch_size=BATCH_ITEMS,
                    on_batch=lambda batch: advance(batch.document_count),
                )
            report.raise_for_errors()
        there = "indexed" if present < len(self._media) else "already there"
        self._output.say(f"{len(self._media)} photos and sounds are {there}, in the collection {COLLECTION}")

    async def search(self) -> list[Found]:
        """Run the sample searches, print what was found, and say how well titles find their photos."""
        found = [await self._found(search) for search in self._samples.searches()]
        self._output.show_each((each.line() for each in found), _found_table(found))
        await self._tell_how_well()
        return found

    async def tag(self, model: ModelInfo) -> None:
        """Tag photos and sounds, show some that got tags and say how many got none, or say why the model cannot."""
        definition = replace(read_definition(self._samples.tags).spec(), model=model.name)
        media = list(self._media.values())
        contents = [Content((medium.part(),)) for medium in media]
        try:
            results = (
                await self._client.tag(definition, contents, candidates=1, batch_size=BATCH_ITEMS)
            ).raise_for_errors()
        except InvalidArgument as refused:  # It has no calibration, or none for photos or sounds.
            self._output.say(f"nothing is tagged: {refused.message}")
            return
        tagged = [(medium, tags) for medium, tags in zip(media, results, strict=True) if tags.tags]
        given = [each for kind in ("photo", "sound") for each in _some_of(kind, tagged)]
        self._output.show_each(({"tagged": medium.id, **_line(tags)} for medium, tags in given), _tag_table(given))
        self._output.say(
            f"{len(tagged)} of {len(media)} photos and sounds got a tag of the {len(definition.tags)}; "
            "it is sure enough of none for the others"
        )

    async def _found(self, search: MediaSearch) -> Found:
        hits = await self._client.search(COLLECTION, search.query(), top_k=HITS + 1, filter=f'kind = "{search.kind}"')
        own = search.medium.id if search.medium else ""
        media = (FoundMedium(self._media[hit.document.id], hit.score) for hit in hits if hit.document.id != own)
        return Found(search, tuple(media)[:HITS])

    async def _tell_how_well(self) -> None:
        photos = self._of_kind("photo")
        titles = [photo.title for photo in photos]
        found = await self._client.search_many(COLLECTION, titles, top_k=NEAR, filter='kind = "photo"')
        near = sum(
            photo.id in {hit.document.id for hit in hits}
            for photo, hits in zip(photos, found, strict=True)
            if not isinstance(hits, Exception)
        )
        self._output.say(
            f"by their titles, {near} of {len(photos)} photos are among the first {NEAR} "
            f"(by chance {NEAR}): {self._model} is a small model"
        )

    def _of_kind(self, kind: str) -> list[Medium]:
        return [medium for medium in self._media.values() if medium.kind == kind]

    def _write_page(self, model: ModelInfo, found: Sequence[Found]) -> None:
        self._page.parent.mkdir(parents=True, exist_ok=True)
        self._page.write_text(gallery_page(model, [each.section() for each in found]), encoding="utf-8")
        told = f"The page that shows them: {self._page.absolute().as_uri()}\nLicence of {model.name}: {model.license}."
        self._output.show({"page": str(self._page.absolute()), "license": model.license}, told)


def _document(medium: Medium) -> Document:
    attributes = {"kind": medium.kind, "title": medium.title, "file": medium.path.name}
    return Document(medium.id, content=medium.part(), attributes=attributes)


def _line(given: ContentTags) -> dict[str, object]:
    return {"tags": given.tags, "candidates": given.candidates}


def _tag_table(tagged: Sequence[tuple[Medium, ContentTags]]) -> Table:
    """Return the tags of each medium, and the best below their thresholds."""
    table = Table("tagged", "tags", "below", box=box.SIMPLE_HEAD, pad_edge=False)
    for medium, given in tagged:
        told = (", ".join(f"{tag.tag} {tag.score:.2f}" for tag in tags) for tags in (given.tags, given.candidates))
        table.add_row(*map(Text, (medium.title[:48], *told)))
    return table


def _some_of(kind: str, tagged: Sequence[tuple[Medium, ContentTags]]) -> Sequence[tuple[Medium, ContentTags]]:
    """Return a few of one kind, from all over the set."""
    of_kind = [each for each in tagged if each[0].kind == kind]
    return of_kind[:: max(1, len(of_kind) // TAGGED_OF_EACH_KIND)][:TAGGED_OF_EACH_KIND]


def _found_table(found: Sequence[Found]) -> Table:
    """Return each search with its hits, nearest first."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=True)
    table.add_column("looked for", ratio=3)
    table.add_column("score", justify="right", width=5)
    table.add_column("found", ratio=4, no_wrap=True, overflow="ellipsis")
    for each in found:
        for rank, hit in enumerate(each.hits):
            looked_for = f"{each.search.kind}s: {each.search.told()}" if rank == 0 else ""
            table.add_row(*map(Text, (looked_for, f"{hit.score:.3f}", hit.medium.title)))
        table.add_section()
    return table
