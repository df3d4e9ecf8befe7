"""Searches in a version do the same over gRPC as in this process, on the real search service and the real catalog."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from bucket_samples import bucket, s3_client, s3_connection
from dataset_samples import NAME, V1, TaskRunner, in_folder, neighbours, reached
from memory_mesh import MemoryMesh
from pydantic import ValidationError

from sensorium.dataset import near_confirmed
from sensorium.dataset.embedded import embedded_datasets
from sensorium.dataset.projector import Projector
from sensorium.dataset_ports import DatasetPorts
from sensorium.errors import FailedPrecondition, InvalidArgument, NotFound, Reason, Unavailable
from sensorium.gateway.limits import Limits
from sensorium.gateway.searcher import EmbeddingSearcher
from sensorium.model.content import Content, Media, Modality, Part
from sensorium.model.dataset import DatasetSpec, VersionSpec
from sensorium.model.dataset_file import FileRecord, FileSelection, StatusFilter, TagEdit
from sensorium.model.dataset_job import ImportWork, IndexWork, JobSpec, JobState, Work
from sensorium.model.dataset_names import ConnectionName, DatasetName, VersionName, file_id_of
from sensorium.model.file_batch import FileChange, FileSpec
from sensorium.model.file_search import FileSearchRequest, FileSearchResponse
from sensorium.model.search import DocumentReference, FacetRequest, QueryPart, TagFilter
from sensorium.model.version_difference import DifferenceKind
from sensorium.search.embedded import embedded_search
from sensorium.settings import DatasetSettings, SearchSettings

PATHS = {
    "a/one.txt": "aaaa",
    "a/two.md": "aaab",
    "b/three.txt": "aabb",
    "b/four.txt": "abbb",
    "b/five.md": "bbbb",
    "six.txt": "zzzz",
    "seven.txt": "zzzz zzzz",
}


@dataclass
class World:
    ports: DatasetPorts
    folder: Path

    async def run(self, work: Work) -> None:
        await finished(self.ports, V1, work)

    async def find(self, words: str = "", filter: str = "", **fields: object) -> FileSearchResponse:
        query = (QueryPart(Content.of_text(words)),) if words else ()
        request = FileSearchRequest(V1, query, FileSelection(filter=filter))
        return await self.ports.searches.search(replace(request, **fields))  # type: ignore[arg-type]

    async def tag(self, path: str, *tags: str) -> None:
        edit = TagEdit(V1, FileSelection((self.id_of(path),)), tags)
        assert (await self.ports.files.edit_tags(edit)).changed_count == 1

    def id_of(self, path: str) -> str:
        return file_id_of(f"file://{self.folder}/{path}")


async def finished(ports: DatasetPorts, version: VersionName, work: Work) -> None:
    job = await ports.jobs.create_job(JobSpec(version, work))
    last = [each async for each in ports.jobs.watch_job(job.name)][-1]
    assert last.state is JobState.SUCCEEDED


def names(found: FileSearchResponse) -> list[str]:
    return [hit.file.file_name.partition(".")[0] for hit in found.hits]


@pytest.fixture
def limits(request: pytest.FixtureRequest) -> dict[str, float]:
    """Settings of the dataset service that a test wants to be others."""
    wanted: dict[str, float] = getattr(request, "param", {})
    return wanted


@pytest.fixture(params=["local", "remote"])
async def world(request: pytest.FixtureRequest, tmp_path: Path, limits: dict[str, float]) -> AsyncIterator[World]:
    memory, folder = MemoryMesh(), tmp_path / "data"
    for path, text in PATHS.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    search = SearchSettings()
    settings = DatasetSettings(roots=(tmp_path,), retry_seconds=(), max_page_size=50).model_copy(update=limits)
    async with embedded_search(tmp_path / "search", search) as vectors:
        searcher = EmbeddingSearcher(memory.embedder, vectors, Limits.of(search))
        calls = replace(neighbours(memory), searcher=searcher)
        async with embedded_datasets(tmp_path / "state", settings, calls, TaskRunner) as service:
            await service.datasets.create_dataset(NAME, in_folder(folder))
            made = World(service, folder)
            await made.run(ImportWork())
            async with reached(service, memory, remote=request.param == "remote", searcher=searcher) as ports:
                yield replace(made, ports=ports)


async def test_without_a_query_the_matching_files_are_listed_by_uri(world: World) -> None:
    found = await world.find(filter='FileName:"txt"', top_k=3, facets=(FacetRequest("filedir"),))
    assert names(found) == ["one", "four", "three"]
    assert [hit.rank for hit in found.hits] == [1, 2, 3]
    assert [hit.relevance for hit in found.hits] == [None] * 3
    assert (found.match_count, found.next_page_token) == (5, "")
    assert dict(found.facets[0].counts) == {"": 2, "b": 2, "a": 1}


async def test_something_is_found_in_an_indexed_version_alone(world: World) -> None:
    with pytest.raises(FailedPrecondition) as caught:
        await world.find("aaaa")
    assert caught.value.reason is Reason.STATE_UNFIT
    with pytest.raises(FailedPrecondition):
        await world.ports.searches.near_duplicates(V1, 0, "")


async def test_the_nearest_files_come_first_with_a_relevance_that_compares_between_queries(world: World) -> None:
    await world.run(IndexWork())
    found = await world.find("aaaa", top_k=3)
    assert names(found) == ["one", "two", "three"]
    scores = [hit.score for hit in found.hits]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] == pytest.approx(1, abs=1e-5)
    # The model of these tests says logistic(20 x cosine - 10).
    assert found.hits[0].relevance == pytest.approx(1 / (1 + 2.718281828459045**-10), abs=1e-4)
    assert found.match_count == len(PATHS)
    assert names(await world.find("aaaa", score_threshold=0.9)) == ["one", "two"]


async def test_only_what_words_find_has_a_relevance(world: World) -> None:
    await world.run(IndexWork())
    words, unwanted = QueryPart(Content.of_text("aaaa")), QueryPart(Content.of_text("bbbb"), -0.5)
    file = QueryPart(DocumentReference(world.id_of("a/one.txt")))
    for query, told in (((words,), True), ((words, unwanted), False), ((file,), False), ((words, file), False)):
        found = await world.find(query=query)
        assert [hit.relevance is not None for hit in found.hits] == [told] * len(found.hits)


async def test_every_condition_is_joined_by_and(world: World) -> None:
    await world.run(IndexWork())
    for path in ("a/one.txt", "b/three.txt"):
        await world.tag(path, "red", "old")
    await world.tag("b/four.txt", "red")
    tags = FileSelection(filter='FileDir = "b"', tags=TagFilter(any=("red", "blue"), none=("old",)))
    assert names(await world.find("aaaa", selection=tags)) == ["four"]
    every = FileSelection(tags=TagFilter(all=("red", "old")))
    assert names(await world.find("bbbb", selection=every)) == ["three", "one"]
    assert names(await world.find(selection=every)) == ["one", "three"]
    assert names(await world.find("aaaa", selection=FileSelection(status=StatusFilter.DELETED))) == []


async def test_a_filter_finds_as_many_as_there_are_at_any_selectivity(world: World) -> None:
    await world.run(IndexWork())
    for wanted, matches in (('FileName:"txt"', 5), ('FileDir = "a"', 2), ("DataSize > 8", 1), ("DataSize > 9", 0)):
        for top_k in (1, 2, 100):
            found = await world.find("mmmm", wanted, top_k=top_k)
            assert (len(found.hits), found.match_count) == (min(top_k, matches), matches)


GIVEN = {
    "a/one.txt": {"lens": 1.5, "labels": ("Red Car", "night")},
    "a/two.md": {"lens": 2, "labels": ("day",)},
    "b/three.txt": {"lens": "wide", "frame id": 2**53 + 1},
    "b/four.txt": {"lens": 2.0, "frame id": 2**53},
    "six.txt": {"lens": True},
}
ATTRIBUTES: dict[str, set[str]] = {
    "HAS meta.lens": {"one", "two", "three", "four", "six"},
    "meta.lens >= 2 AND file_dir = 'a'": {"two"},
    "meta.lens = 2": {"two", "four"},
    "meta.lens != 2": {"one"},
    "NOT meta.lens = 2": {"one", "three", "five", "six", "seven"},
    'meta.lens IN ["wide", TRUE]': {"three", "six"},
    'meta.lens : "WIDE" OR meta.labels : "red car"': {"one", "three"},
    'meta.labels HAS "day" AND HAS index_job AND index_time > 2020-01-01': {"two"},
    '"meta.frame id" = 9007199254740993': {"three"},
    "meta.lens = 3 OR NOT HAS SemanticIndexUpdateTime": set(),
}


async def give(world: World) -> None:
    changes = [FileChange(world.id_of(path), FileSpec(attributes=given)) for path, given in GIVEN.items()]
    assert all(isinstance(each, FileRecord) for each in await world.ports.file_batches.update_files(V1, changes))


@pytest.mark.parametrize(
    ("steps", "page"),
    [(((1500, 2000),), 1000), (((0, 2), (0, 100)), 3), (((0, 2),), 1), ((), 1)],
    ids=["named", "the nearest of all", "too few of the nearest", "all"],
)
async def test_what_documents_do_not_say_is_confirmed_by_the_catalog(
    world: World, steps: tuple[tuple[int, int], ...], page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(near_confirmed, "STEPS", steps)
    monkeypatch.setattr(near_confirmed, "PAGE", page)
    await world.run(IndexWork())
    await give(world)
    order = names(await world.find("aaaa", top_k=100))
    for wanted, meant in ATTRIBUTES.items():
        expected = [name for name in order if name in meant]
        found = await world.find("aaaa", wanted, top_k=100)
        assert (names(found), found.match_count) == (expected, len(meant)), wanted
        assert names(await world.find("aaaa", wanted, top_k=2)) == expected[:2]
        listed = await world.find("", wanted)
        assert {*names(listed)} == meant
        walked, token = [], ""
        while len(walked) < len(expected):
            part = await world.find("aaaa", wanted, top_k=100, page_size=2, page_token=token)
            walked, token = [*walked, *names(part)], part.next_page_token
        assert (walked, token) == (expected, "")


async def test_attributes_are_counted(world: World) -> None:
    await give(world)
    facets = (FacetRequest("meta.lens"), FacetRequest("meta.labels", 2), FacetRequest("meta.nothing"))
    found = await world.find(facets=facets, filter="NOT file_name = 'one.txt'")
    assert [each.counts for each in found.facets] == [
        ((2, 2), ("wide", 1), (True, 1)), (("day", 1),), (),
    ]  # fmt: skip
    counted = (await world.ports.files.statistics(V1, FileSelection(), facets)).facets
    assert [each.counts for each in counted] == [
        ((2, 2), (1.5, 1), ("wide", 1), (True, 1)), (("Red Car", 1), ("day", 1)), (),
    ]  # fmt: skip
    assert [each.value_count for each in counted] == [4, 3, 0]


async def test_tags_are_edited_by_attributes(world: World) -> None:
    await give(world)
    edit = TagEdit(V1, FileSelection(filter='meta.lens = 2 OR meta.labels : "car"'), ("seen",))
    assert (await world.ports.files.edit_tags(edit)).changed_count == 3
    assert names(await world.find(filter='Tags HAS "seen" AND meta.labels:"night"')) == ["one"]
    await world.ports.file_batches.delete_files(V1, [world.id_of("a/one.txt")])
    assert names(await world.find(filter='Tags HAS "seen" AND meta.labels:"night"')) == []


async def test_options_may_stand_in_the_filter(world: World) -> None:
    await world.run(IndexWork())
    await world.tag("a/two.md", "red")
    asked = '(FileType = "text" OR ContentType = "application/json") AND ThumbnailMode = "h_200" AND MaxResults = 2'
    found = await world.find(filter=asked)
    assert (names(found), found.thumbnail_mode, bool(found.next_page_token)) == (["one", "two"], "h_200", True)
    found = await world.find(filter='Content:"aaaa" AND TopK=2')
    assert (names(found), found.match_count) == (["one", "two"], len(PATHS))
    assert names(await world.find(filter='Content:"aaaa" AND (Tags.all="red" AND TopK = 5)')) == ["two"]
    assert names(await world.find(filter='Content = "bbbb" AND ScoreThreshold = 0.99')) == ["five"]
    assert names(await world.find(filter="NOT HAS Tags AND HAS FileDir AND MaxResults = 1")) == ["one"]


async def test_a_page_may_hold_more_than_ten_without_saying_so_twice(world: World) -> None:
    for number in range(12):
        (world.folder / f"more-{number}.txt").write_text("mmmm")
    await world.run(ImportWork())
    await world.run(IndexWork())
    for words in ("", "mmmm"):
        assert len((await world.find(words)).hits) == 10
        assert len((await world.find(words, "MaxResults = 15")).hits) == 15
    listed = await world.find(page_size=15)
    rest = await world.find(page_size=15, page_token=listed.next_page_token)
    assert len(listed.hits) + len(rest.hits) == len(PATHS) + 12


@pytest.mark.parametrize(
    ("filter", "column"),
    [
        ('FileType = "text" OR TopK = 5', 22),
        ("NOT (MaxResults = 5)", 6),
        ("TopK = 0", 8),
        ("TopK = 10001", 8),
        ("TopK > 1", 6),
        ("TopK = 1 AND TopK = 2", 21),
        ('ThumbnailMode = "huge"', 17),
        ('MaxResults = "x"', 14),
        ('Content:""', 9),
        ('Colour = "red"', 1),
    ],
)
async def test_an_option_that_cannot_be_taken_points_at_its_column(world: World, filter: str, column: int) -> None:
    with pytest.raises(InvalidArgument) as caught:
        await world.find(filter=filter)
    assert caught.value.reason is Reason.FILTER_INVALID
    assert caught.value.metadata["column"] == str(column)


MANY_PARTS = (QueryPart(Content.of_text("a")),) * 17


@pytest.mark.parametrize(
    "fields",
    [
        {"top_k": -1},
        {"top_k": 10_001},
        {"page_size": -1},
        {"score_threshold": float("nan")},
        {"facets": (FacetRequest("colour"),)},
        {"page_token": "x"},
        {"query": MANY_PARTS},
    ],
)
async def test_requests_out_of_range_are_refused(world: World, fields: dict[str, object]) -> None:
    with pytest.raises(InvalidArgument):
        await world.find(**fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("words", ["", "aaaa"])
async def test_pages_go_on_behind_the_last_hit_while_files_change(world: World, words: str) -> None:
    await world.run(IndexWork())
    whole = names(await world.find(words))
    first = await world.find(words, page_size=3)
    await world.tag("six.txt", "new")
    second = await world.find(words, page_size=3, page_token=first.next_page_token)
    third = await world.find(words, page_size=3, page_token=second.next_page_token)
    assert names(first) + names(second) + names(third) == whole
    assert [hit.rank for hit in third.hits] == [7]
    assert third.next_page_token == ""
    with pytest.raises(InvalidArgument):
        await world.find(words, top_k=5, page_size=3, page_token=first.next_page_token)
    cut = await world.find(words, top_k=4, page_size=3)
    rest = await world.find(words, top_k=4, page_size=3, page_token=cut.next_page_token)
    assert (len(rest.hits), rest.next_page_token) == (1, "")


async def test_named_files_are_ranked_however_many(world: World) -> None:
    await world.run(IndexWork())
    strangers = tuple(file_id_of(str(number)) for number in range(600))
    chosen = (world.id_of("b/five.md"), *strangers, world.id_of("a/one.txt"), world.id_of("b/three.txt"))
    first = await world.find("aaaa", selection=FileSelection(chosen), page_size=2)
    assert names(first) == ["one", "three"]
    rest = await world.find("aaaa", selection=FileSelection(chosen), page_size=2, page_token=first.next_page_token)
    assert (names(rest), rest.next_page_token) == (["five"], "")


async def test_what_changed_a_moment_ago_is_found_by_its_new_tags(world: World) -> None:
    await world.run(IndexWork())
    for place, path in enumerate(PATHS):
        await world.tag(path, f"tag-{place}")
        assert len((await world.find("aaaa", f'Tags HAS "tag-{place}"')).hits) == 1
    (world.folder / "a/one.txt").unlink()
    await world.run(ImportWork())
    assert "one" not in names(await world.find("aaaa"))


async def test_files_like_a_file_are_found(world: World) -> None:
    await world.run(IndexWork())
    part = QueryPart(DocumentReference(world.id_of("b/four.txt")))
    assert names(await world.find(query=(part,), top_k=2)) == ["four", "five"]
    with pytest.raises(NotFound):
        await world.find(query=(QueryPart(DocumentReference(file_id_of("gone"))),))


async def test_a_photo_of_the_versions_own_bucket_is_looked_for_through_its_connection(tmp_path: Path) -> None:
    memory, name = MemoryMesh(), DatasetName("default", "bucket")
    version = VersionName(name, 1)

    def photo(uri: str) -> FileSearchRequest:
        return FileSearchRequest(version, (QueryPart(Content((Part(Modality.IMAGE, Media(uri=uri)),))),), top_k=1)

    kept = ConnectionName("default", "kept")

    async with embedded_datasets(tmp_path, DatasetSettings(), neighbours(memory), TaskRunner) as ports:
        with bucket("photos") as endpoint:
            for key in ("in/aaaa.png", "in/bbbb.png"):
                s3_client(endpoint).put_object(Bucket="photos", Key=key, Body=key.encode())
            s3_client(endpoint).put_object(Bucket="photos", Key="out/aaaa.png", Body=b"aaaa")
            await ports.connections.create_connection(kept, s3_connection(endpoint, "photos"))
            await ports.datasets.create_dataset(name, DatasetSpec(uri="in", connection=kept))
            for work in (ImportWork(without_media_info=True), IndexWork()):
                await finished(ports, version, work)
            found = await ports.searches.search(photo("s3://photos/in/bbbb.png"))
            assert found.hits[0].file.uri == "s3://photos/in/bbbb.png"
            with pytest.raises(NotFound):
                await ports.searches.search(photo("s3://photos/in/cccc.png"))
            # What lies elsewhere is the embed service's to allow.
            for uri in ("s3://photos/out/aaaa.png", "s3://others/in/aaaa.png", "oss://photos/in/aaaa.png"):
                await ports.searches.search(photo(uri))
                assert memory.embedder.requests[-1].contents[0].parts[0].body == Media(uri=uri)


async def test_a_plan_tells_the_filter_and_the_steps(world: World) -> None:
    plan = await world.ports.searches.explain(FileSearchRequest(V1, selection=FileSelection(filter=" ")))
    assert (plan.canonical_filter, plan.match_count) == ("", len(PATHS))
    assert "by URI" in plan.steps[-1]
    await world.run(IndexWork())
    asked = FileSelection(filter='Content:"aaaa" and FileDir="a" and TopK=3')
    plan = await world.ports.searches.explain(FileSearchRequest(V1, selection=asked))
    assert (plan.canonical_filter, plan.match_count) == ('file_dir = "a"', 2)
    assert len(plan.steps) > 3


async def test_near_duplicates_are_grouped_by_chains(world: World) -> None:
    await world.run(IndexWork())
    page = await world.ports.searches.near_duplicates(V1, 0, "")
    assert [[each.file_name for each in group.files] for group in page.items] == [["seven.txt", "six.txt"]]
    assert page.items[0].least_score == pytest.approx(1, abs=1e-5)
    # Neighbours of the row aaaa, aaab, aabb, abbb, bbbb are nearer than its ends are.
    first = await world.ports.searches.near_duplicates(V1, 1, "", least_score=0.85)
    assert len(first.items[0].files) == 5
    second = await world.ports.searches.near_duplicates(V1, 1, first.next_page_token, least_score=0.85)
    assert (len(second.items[0].files), second.next_page_token) == (2, "")
    narrow = FileSelection(filter='FileDir = "b"')
    assert (await world.ports.searches.near_duplicates(V1, 0, "", narrow, 0.95)).items == ()
    with pytest.raises(InvalidArgument):
        await world.ports.searches.near_duplicates(V1, 0, "", least_score=1.5)


@pytest.mark.parametrize("limits", [{"max_duplicate_files": len(PATHS)}], indirect=True)
async def test_near_duplicates_are_sought_among_so_many_files_and_no_more(world: World) -> None:
    await world.run(IndexWork())
    assert (await world.ports.searches.near_duplicates(V1, 0, "")).items
    (world.folder / "eight.txt").write_text("one more")
    await world.run(ImportWork())
    await world.run(IndexWork())
    with pytest.raises(InvalidArgument) as caught:
        await world.ports.searches.near_duplicates(V1, 0, "")
    assert (caught.value.reason, caught.value.field) == (Reason.TOO_MANY_ITEMS, "selection")
    assert caught.value.metadata == {"limit": str(len(PATHS))}
    narrow = FileSelection(filter='NOT FileName = "eight.txt"')
    assert (await world.ports.searches.near_duplicates(V1, 0, "", narrow)).items


@pytest.mark.parametrize("limits", [{"level_seconds": 0.01}], indirect=True)
async def test_a_search_goes_on_when_the_search_documents_do_not_follow_in_time(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.run(IndexWork())
    following = Projector.step

    async def away(_self: Projector) -> int:
        raise Unavailable("the search service is away")

    monkeypatch.setattr(Projector, "step", away)
    await world.tag("a/one.txt", "late")
    # The documents know nothing of the tag, so nothing is found by it; the catalog counts it all the same.
    found = await world.find("aaaa", 'Tags HAS "late"')
    assert (found.hits, found.match_count) == ((), 1)
    # What the documents still say, and the catalog no more, is no hit.
    assert "one" not in names(await world.find("aaaa", 'NOT Tags HAS "late"'))
    monkeypatch.setattr(Projector, "step", following)


def test_no_search_waits_for_less_than_no_time() -> None:
    with pytest.raises(ValidationError):
        DatasetSettings(level_seconds=-0.1)
    with pytest.raises(ValidationError):
        DatasetSettings(max_duplicate_files=0)


async def test_versions_are_compared_by_content_and_tags(world: World) -> None:
    await world.tag("six.txt", "old")
    second = (await world.ports.datasets.create_version(NAME, VersionSpec(uri=f"file://{world.folder}"))).name
    (world.folder / "a/one.txt").unlink()
    (world.folder / "a/two.md").write_text("otherwise")
    (world.folder / "new.txt").write_text("new")
    job = await world.ports.jobs.create_job(JobSpec(second, ImportWork()))
    assert [each async for each in world.ports.jobs.watch_job(job.name)][-1].state is JobState.SUCCEEDED
    compare = world.ports.datasets.compare_versions
    found = await compare(second, V1, 0, "")
    kinds = {each.uri.rpartition("/")[2]: each.kind for each in found.files}
    assert kinds == {
        "one.txt": DifferenceKind.REMOVED,
        "two.md": DifferenceKind.CHANGED,
        "new.txt": DifferenceKind.ADDED,
        "six.txt": DifferenceKind.TAGS_CHANGED,
    }
    counts = (found.added_count, found.removed_count, found.changed_count, found.tags_changed_count)
    assert counts == (1, 1, 1, 1)
    assert [each.removed_tags for each in found.files if each.removed_tags] == [("old",)]
    assert (await compare(V1, second, 0, "")).added_count == 1
    first = await compare(second, V1, 3, "")
    rest = await compare(second, V1, 3, first.next_page_token)
    assert (first.files + rest.files, rest.next_page_token) == (found.files, "")
    assert (await compare(V1, V1, 0, "")).files == ()
    with pytest.raises(NotFound):
        await compare(second, VersionName(NAME, 9), 0, "")
    with pytest.raises(InvalidArgument):
        await compare(second, VersionName(DatasetName("other", "road"), 1), 0, "")


async def test_searches_run_side_by_side(world: World) -> None:
    await world.run(IndexWork())
    found = await asyncio.gather(*(world.find("aaaa", top_k=1) for _ in range(8)))
    assert {tuple(names(each)) for each in found} == {("one",)}
