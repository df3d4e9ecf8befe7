"""What a dry run says of records that come in, and of a job that is taken back, is what then happens."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from catalog_files import NAME, file
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine, select

from sensorium.dataset import files as catalog
from sensorium.dataset import tags, versions
from sensorium.dataset.datasets import create
from sensorium.dataset.exports.bringing import Brought, bring
from sensorium.dataset.exports.brought_difference import difference
from sensorium.dataset.jobs.plans.revert_plan import difference_without
from sensorium.dataset.tables import files, metadata, taggings
from sensorium.model.dataset import DatasetSpec
from sensorium.model.dataset_export import ExportMode
from sensorium.model.dataset_job import JobPlan

TAGS = ("day", "night", "rain")
JOBS = ("job-1", "job-2")
SOME_TAGS = st.lists(st.sampled_from(TAGS), max_size=2, unique=True)
SAID = st.dictionaries(st.sampled_from(JOBS), SOME_TAGS, max_size=2)


class Seen(NamedTuple):
    """What is compared of a file before and after."""

    facts: tuple[Any, ...]
    own: tuple[list[str], list[str], list[str]]
    effective: frozenset[str]
    said: tuple[tuple[str, tuple[str, ...]], ...]


@contextmanager
def catalog_of_a_version() -> Iterator[tuple[Connection, int]]:
    """Open an empty catalog; the body is given the row of its version."""
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    with engine.begin() as sql:
        create(sql, NAME.dataset, DatasetSpec())
        yield sql, versions.row_of(sql, NAME).key
    engine.dispose()


def brought(number: int, size: int, user: list[str], deleted: list[str], said: dict[str, list[str]]) -> Brought:
    """Return a file as an export brings it."""
    columns = {"comment": "", "file_create_time": None, "origin_connection": "", "origin_uri": ""}
    given = [{"job": job, "tags": [[tag, "", 1.0, "", 1.0, 0] for tag in those]} for job, those in said.items()]
    spoken = {"definition": "d", "definition_version": 1, "model": "m", "model_revision": "r", "fingerprint": "x"}
    rows = [{**each, **spoken, "create_time": 0} for each in given]
    return Brought({**file(number, size=size), **columns}, user, deleted, rows)


BATCHES = st.lists(
    st.builds(brought, st.integers(0, 4), st.integers(1, 2), SOME_TAGS, SOME_TAGS, SAID),
    max_size=4,
    unique_by=lambda each: each.columns["uri"],
)


def seen(sql: Connection) -> dict[str, Seen]:
    """Return the active files, by URI."""
    said: dict[int, list[tuple[str, tuple[str, ...]]]] = {}
    for row in sql.execute(select(taggings).where(taggings.c.superseded_by == "")):
        said.setdefault(row.file, []).append((row.job, tuple(each[0] for each in row.tags)))
    return {
        row.uri: Seen(
            (row.size_bytes, row.fingerprint, row.comment),
            (row.algorithm_tags, row.user_tags, row.deleted_tags),
            frozenset(row.tags),
            tuple(sorted(said.get(row.key, []))),
        )
        for row in sql.execute(select(files).where(files.c.status == "ACTIVE"))
    }


def happened(before: dict[str, Seen], after: dict[str, Seen], touched: Sequence[str]) -> JobPlan:
    """Return what changed, counted from outside."""
    nothing = frozenset[str]()
    gained = [after[uri].effective - (before[uri].effective if uri in before else nothing) for uri in touched]
    lost = [before[uri].effective - after[uri].effective for uri in touched if uri in before]
    changed = sum(uri in before and before[uri] != after[uri] for uri in touched)
    added = sum(uri not in before for uri in touched)
    return JobPlan(
        added,
        changed,
        unchanged_count=len(touched) - added - changed,
        added_tag_count=sum(map(len, gained)),
        removed_tag_count=sum(map(len, lost)),
    )


@settings(deadline=None, max_examples=30)
@given(first=BATCHES, second=BATCHES, mode=st.sampled_from(ExportMode), by_people=SOME_TAGS)
def test_the_plan_of_records_that_come_in_is_what_bringing_them_does(
    first: list[Brought], second: list[Brought], mode: ExportMode, by_people: list[str]
) -> None:
    with catalog_of_a_version() as (sql, version):
        bring(sql, version, first, ExportMode.MERGE, "job-0")
        keys = sql.execute(select(files.c.key).where(files.c.key % 2 == 0)).scalars().all()
        tags.rewrite(sql, version, keys, lambda row: (row.algorithm_tags, sorted(by_people), row.deleted_tags))
        before = seen(sql)
        plan = difference(sql, version, second, mode)
        assert seen(sql) == before
        bring(sql, version, second, mode, "job-9")
        assert plan == happened(before, seen(sql), [str(each.columns["uri"]) for each in second])


@settings(deadline=None, max_examples=30)
@given(rounds=st.lists(st.tuples(st.sampled_from(JOBS), SOME_TAGS), max_size=4), reverted=st.sampled_from(JOBS))
def test_the_plan_of_a_revert_is_what_it_does(rounds: list[tuple[str, list[str]]], reverted: str) -> None:
    with catalog_of_a_version() as (sql, version):
        catalog.register(sql, version, [file(number) for number in range(3)])
        keys = list(sql.execute(select(files.c.key)).scalars())
        for place, (job, given_tags) in enumerate(rounds):
            [said] = brought(0, 1, [], [], {job: given_tags}).taggings
            row = {name: value for name, value in said.items() if name not in {"job", "create_time"}}
            tags.tag(sql, version, job, dict.fromkeys(keys[place % 2 :], row))
        said_of = taggings.c.job == reverted
        touched = list(sql.execute(select(taggings.c.file).where(said_of).order_by(taggings.c.file)).scalars())
        rows = sql.execute(select(files).where(files.c.key.in_(touched))).all()
        plan = difference_without(sql, rows, reverted)
        before = {uri: each._replace(said=()) for uri, each in seen(sql).items()}
        tags.revert(sql, version, touched, reverted, "job-9")
        after = {uri: each._replace(said=()) for uri, each in seen(sql).items()}
        assert plan == happened(before, after, [row.uri for row in rows])
