"""The demo finds and tags photos and sounds, and writes a page that holds what it shows and says whose it is."""

import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Self

import pytest
from memory_mesh import LETTERS, MemoryMesh

from sensorium import AsyncClient
from sensorium.cli.gallery import COLLECTION, HITS, Gallery
from sensorium.cli.gallery_page import FoundMedium, Section, gallery_page
from sensorium.cli.output import Output
from sensorium.cli.samples import SampleSet
from sensorium.errors import InvalidArgument, Reason

SAMPLES = SampleSet(Path(__file__).resolve().parents[3] / "samples")


@pytest.fixture
async def client(mesh: MemoryMesh) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(connect=mesh.connect) as opened:
        yield opened


def gallery(client: AsyncClient, page: Path, *, model: str = LETTERS.name, as_json: bool = True) -> Gallery:
    return Gallery(Output(json=as_json), client, SAMPLES, page, model)


class Loaded(HTMLParser):
    """Collects what a page loads, and its words."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.words = ""
        self.feed(page)

    @classmethod
    def of(cls, path: str) -> Self:
        return cls(Path(path).read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.sources += [value or "" for name, value in attrs if name in {"src", "srcset"} or tag == "link"]

    def handle_data(self, data: str) -> None:
        self.words += data


async def test_it_searches_tags_and_writes_the_page(
    client: AsyncClient, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await gallery(client, tmp_path / "data" / "demo.html").show()
    told = capsys.readouterr()
    lines = [json.loads(line) for line in told.out.splitlines()]
    searches = [line for line in lines if "search" in line]
    assert [len(search["hits"]) for search in searches] == [HITS] * len(SAMPLES.searches())
    for search in searches:
        assert {hit["id"].partition("-")[0] for hit in search["hits"]} == {search["kind"]}
    # The letters of files fit no tag: what photos and sounds get of the real model, tests/e2e/test_demo.py says.
    assert "0 of 156 photos and sounds got a tag of the 10" in told.err
    assert lines[-1]["license"] == LETTERS.license
    page = Loaded.of(lines[-1]["page"])
    assert len(page.sources) == sum(HITS + bool(search.medium) for search in SAMPLES.searches())
    assert all(source.startswith("data:") for source in page.sources)
    assert LETTERS.license in page.words


async def test_a_second_start_writes_nothing(
    client: AsyncClient, mesh: MemoryMesh, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = gallery(client, tmp_path / "demo.html")
    await shown.index(LETTERS)
    writes = len(mesh.store.upserts)
    await shown.index(LETTERS)
    assert len(mesh.store.upserts) == writes
    assert "156 photos and sounds are already there" in capsys.readouterr().err
    assert await client.count(COLLECTION, filter='kind = "photo"') == 76


async def test_a_search_by_a_photo_leaves_that_photo_out(client: AsyncClient, tmp_path: Path) -> None:
    shown = gallery(client, tmp_path / "demo.html")
    await shown.index(LETTERS)
    by_media = [found for found in await shown.search() if found.search.medium]
    assert by_media
    for found in by_media:
        assert found.search.medium not in [hit.medium for hit in found.hits]


async def test_a_model_that_cannot_tag_tags_nothing_and_says_why(
    client: AsyncClient, mesh: MemoryMesh, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mesh.embedder.errors = [InvalidArgument("it has no calibration", reason=Reason.OPTION_UNSUPPORTED)]
    await gallery(client, tmp_path / "demo.html").tag(LETTERS)
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", "nothing is tagged: it has no calibration\n")


async def test_a_mesh_that_does_not_serve_the_model_shows_none(
    client: AsyncClient, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await gallery(client, tmp_path / "demo.html", model="starter-trimodal-v1").show()
    assert "starter-trimodal-v1 is not served here" in capsys.readouterr().err
    assert not (tmp_path / "demo.html").exists()


async def test_people_see_a_table_and_where_the_page_is(
    client: AsyncClient, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await gallery(client, tmp_path / "demo.html", as_json=False).show()
    shown = capsys.readouterr().out
    assert "looked for" in shown
    assert f"The page that shows them: {(tmp_path / 'demo.html').as_uri()}\nLicence of letters: Apache-2.0." in shown


def test_whatever_a_page_shows_is_escaped() -> None:
    evil = '"><script src="https://example.com/x.js">alert(1)</script>'
    medium = replace(
        SAMPLES.media()[0], title=evil, author=evil, source=evil, license=evil, license_url=evil, kind="photo"
    )
    model = replace(LETTERS, description=evil, license=evil, name=evil)
    page = gallery_page(model, [Section(evil, medium, [FoundMedium(medium, 0.5)])])
    assert "<script" not in page
    assert [source[:11] for source in Loaded(page).sources] == ["data:image/", "data:image/"]


def test_each_photo_and_sound_on_the_page_names_its_source_and_licence() -> None:
    media = SAMPLES.media()
    page = gallery_page(LETTERS, [Section("all", None, [FoundMedium(each, 0.0) for each in media])])
    links = set(re.findall(r'<a href="([^"]+)">', page))
    assert links == {link for each in media for link in (each.source, each.license_url)}
