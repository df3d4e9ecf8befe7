"""What the store of tag definitions promises: immutable versions, pages that fit, and no lost writes."""

import asyncio
import signal
import subprocess
import sys
import tempfile
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hypothesis import given, settings
from hypothesis import strategies as st
from tag_samples import NAME, SPEC, PartsEmbedder

from sensorium.errors import Aborted, FailedPrecondition, InvalidArgument, Reason
from sensorium.model.names import TagDefinitionName
from sensorium.model.tagging import DefinitionField, DefinitionUpdate, TagDefinitionSpec, TagSpec
from sensorium.settings import TagSettings
from sensorium.storage import moments
from sensorium.storage.engine import open_engine
from sensorium.storage.format import bring_up_to_date
from sensorium.tag import definitions, repeats
from sensorium.tag.embedded import MIGRATIONS, embedded_tagging
from sensorium.tag.service import TagService
from sensorium.tag.tables import metadata

CREATOR = Path(__file__).with_name("endless_creator.py")
REQUEST = "6f0f7a44-5d0f-4c0c-9a34-4f0f2bb1c0de"

TAGS = st.lists(st.text("abc", min_size=1, max_size=3), min_size=1, max_size=3, unique=True).map(
    lambda names: tuple(map(TagSpec, names))
)
SPECS = st.builds(
    TagDefinitionSpec,
    tags=TAGS,
    display_name=st.text("xyz", max_size=3),
    threshold=st.none() | st.floats(0, 1),
    max_tag_count=st.integers(0, 5),
)
FIELDS = st.lists(st.sampled_from(list(DefinitionField)), unique=True).map(tuple)
ETAGS = st.sampled_from(["", "current", "stale"])


def opened(directory: Path) -> AbstractAsyncContextManager[TagService]:
    return embedded_tagging(directory, TagSettings(), PartsEmbedder())


@settings(max_examples=40, deadline=None)
@given(SPECS, st.lists(st.tuples(SPECS, FIELDS, ETAGS), max_size=6))
def test_versions_count_from_one_and_never_change(
    first: TagDefinitionSpec, updates: list[tuple[TagDefinitionSpec, tuple[DefinitionField, ...], str]]
) -> None:
    async def run(directory: Path) -> None:
        async with opened(directory) as service:
            made = [await service.create_definition(NAME, first)]
            for spec, fields, etag in updates:
                wanted = DefinitionUpdate(NAME, spec, fields, {"current": made[-1].etag}.get(etag, etag))
                try:
                    made.append(await service.update_definition(wanted))
                except (InvalidArgument, Aborted):
                    assert not fields or etag == "stale"
                    continue
                changes = {field.value: getattr(spec, field.value) for field in fields}
                assert made[-1].spec == replace(made[-2].spec, **changes)
        async with opened(directory) as service:
            assert [each.version for each in made] == list(range(1, len(made) + 1))
            assert len({each.etag for each in made}) == len(made)
            assert (await service.list_definition_versions(NAME, 0, "")).items == tuple(reversed(made))
            assert await service.get_definition(NAME, 0) == made[-1]

    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(run(Path(directory)))


async def test_pages_of_large_definitions_end_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(definitions, "PAGE_BYTES", 250)
    spec = TagDefinitionSpec((TagSpec("a", "x" * 100),))
    async with opened(tmp_path) as service:
        for number in range(5):
            await service.create_definition(TagDefinitionName("default", f"d{number}"), spec)
        sizes, token = [], ""
        while not sizes or token:
            page = await service.list_definitions("default", 0, token)
            sizes.append(len(page.items))
            token = page.next_page_token
    assert sizes == [2, 2, 1]


async def test_a_request_id_is_forgotten_after_a_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(tmp_path) as service:
        await service.create_definition(NAME, SPEC, request_id=REQUEST)
        later = moments.now() + repeats.REMEMBERED // moments.MICROSECOND + 1
        monkeypatch.setattr(moments, "now", lambda: later)
        await service.create_definition(TagDefinitionName("default", "other"), SPEC, request_id=REQUEST)


async def test_a_second_service_on_the_same_data_is_refused(tmp_path: Path) -> None:
    async with opened(tmp_path):
        with pytest.raises(FailedPrecondition) as refused:
            async with opened(tmp_path):
                pass
    assert refused.value.reason is Reason.FILE_UNUSABLE


async def test_acknowledged_versions_survive_kill_9(tmp_path: Path) -> None:
    def killed() -> list[str]:
        with subprocess.Popen([sys.executable, CREATOR, tmp_path], stdout=subprocess.PIPE, text=True) as creator:
            assert creator.stdout
            lines = [creator.stdout.readline() for _ in range(21)]
            creator.send_signal(signal.SIGKILL)
            return [line for line in lines + creator.stdout.readlines() if line.endswith("\n")]

    acknowledged = [line.split() for line in await asyncio.to_thread(killed)]
    assert len(acknowledged) > 20
    async with opened(tmp_path) as service:
        for name, version in acknowledged:
            found = await service.get_definition(TagDefinitionName("default", name), int(version))
            assert found.spec.display_name == ("" if version == "1" else name.removeprefix("d"))


def test_migrations_make_the_tables_that_the_code_describes(tmp_path: Path) -> None:
    file = tmp_path / "tag.sqlite3"
    engine = open_engine(file, begin="BEGIN", connections=1)
    bring_up_to_date(engine, file, MIGRATIONS)
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), metadata)
    engine.dispose()
    assert differences == []


def test_tables_suit_postgresql() -> None:
    from sqlalchemy.dialects import postgresql
    from sqlalchemy.schema import CreateTable

    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    assert all(str(CreateTable(table).compile(dialect=dialect)) for table in metadata.sorted_tables)
