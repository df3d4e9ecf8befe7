"""`sensorium usage` asks for what its options say, and shows it to people and to programs."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from memory_mesh import MemoryMesh

from sensorium.model.content import Modality
from sensorium.model.embedding import ModalityUsage, Usage
from sensorium.model.usage import UsagePeriod, UsageQuery, UsageRecord

HOUR = datetime(2026, 1, 1, 12, tzinfo=UTC)
USED = Usage(1234, (ModalityUsage(Modality.IMAGE, 2.0, 3.0), ModalityUsage(Modality.TEXT, 1.0, 1.0)))


@pytest.fixture
def consumed(mesh: MemoryMesh) -> MemoryMesh:
    mesh.usage.records = [UsageRecord("default", key, "letters", HOUR, 7, USED) for key in ("k1", "")]
    return mesh


def test_people_see_a_table(run: Any, consumed: MemoryMesh) -> None:
    shown = run("usage").out
    for text in ("2026-01-01 12:00", "k1", "(none)", "letters", "1,234", "2 image", "1 text"):
        assert text in shown
    assert consumed.usage.queries == [UsageQuery("default")]


def test_programs_see_every_field(run: Any, consumed: MemoryMesh) -> None:
    first, _ = run("usage", "--json").documents()
    assert (first["key_id"], first["call_count"], first["start"]) == ("k1", 7, HOUR.isoformat())
    assert first["usage"]["token_count"] == 1234
    assert first["usage"]["modalities"][0] == {"modality": "image", "measure": 2.0, "weight": 3.0}


def test_options_say_what_counts(run: Any, consumed: MemoryMesh) -> None:
    run("usage", "--key", "", "--model", "m", "--since", "2d", "--until", "2026-01-02", "--by", "day",
        "--all-workspaces")  # fmt: skip
    assert consumed.usage.queries == []  # Two days ago is after that date.
    run("usage", "--key", "", "--model", "m", "--since", "2026-01-01", "--until", "1h", "--by", "day",
        "--all-workspaces")  # fmt: skip
    (query,) = consumed.usage.queries
    assert (query.workspace, query.key_id, query.model, query.period) == ("-", "", "m", UsagePeriod.DAY)
    assert query.start == datetime(2026, 1, 1, tzinfo=UTC)
    assert query.end is not None
    assert timedelta(minutes=59) < datetime.now(UTC) - query.end < timedelta(minutes=61)


def test_what_is_no_moment_is_refused_by_its_option(run: Any, consumed: MemoryMesh) -> None:
    failed = run("usage", "--since", "yesterday")
    assert failed.status == 2
    assert "--since 'yesterday'" in failed.err


def test_nothing_is_told_as_such(run: Any) -> None:
    assert run("usage").out == "nothing was consumed\n"
