"""`sensorium reindex`, `snapshot`, `backup` and `collection jobs|cancel|reembed` over the real search service."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from memory_mesh import MemoryMesh
from structlog.testing import capture_logs

from sensorium.client.connection import Backends, Endpoint
from sensorium.gateway.limits import Limits
from sensorium.gateway.reembedding import Reembedding
from sensorium.gateway.searcher import EmbeddingSearcher
from sensorium.search.embedded import embedded_search
from sensorium.settings import SearchSettings

LINES = "\n".join(f'{{"id": "{letter}", "text": "{letter * 3}"}}' for letter in "abc")


@pytest.fixture
def mesh(tmp_path: Path) -> MemoryMesh:
    """Return a mesh whose documents lie on disk; each command opens them, as a server does when it starts."""

    class DurableMesh(MemoryMesh):
        @asynccontextmanager
        async def connect(self, endpoint: Endpoint) -> AsyncIterator[Backends]:
            settings = SearchSettings()
            async with embedded_search(tmp_path / "data", settings) as service:
                searcher = EmbeddingSearcher(self.embedder, service, Limits.of(settings))
                async with Reembedding(self.embedder, searcher, poll_seconds=0.01):
                    yield Backends(self.embedder, searcher, self.tagger, self.datasets, self.usage)

    return DurableMesh()


@pytest.fixture(autouse=True)
def logs() -> Iterator[None]:
    """Keep the log of the service out of what the commands print."""
    with capture_logs():
        yield


@pytest.fixture
def filled(run: Any, garage: str) -> str:
    assert run("document", "upsert", garage, stdin=LINES).status == 0
    return garage


def nearest(run: Any, collection: str) -> str:
    (found,) = run("search", collection, "bbb", "--top-k", "1", "--json").documents()
    return str(found["hits"][0]["document"]["id"])


def test_an_index_is_made_anew(run: Any, filled: str) -> None:
    (job,) = run("reindex", filled, "--json").documents()
    assert (job["state"], job["done_count"], job["total_count"]) == ("succeeded", 3, 3)
    assert run("reindex", filled).out == "3 documents are indexed anew\n"
    assert nearest(run, filled) == "b"
    assert run("reindex", "nothing").status == 3
    jobs = run("collection", "jobs", filled, "--json").documents()
    assert [each["state"] for each in jobs] == ["succeeded", "succeeded"]
    assert run("collection", "jobs").out.count("reindex") == 2


def test_a_collection_may_be_named_by_an_alias(run: Any, filled: str) -> None:
    run("alias", "set", "live", filled)
    (job,) = run("reindex", "live", "--json").documents()
    assert job["name"].split("/")[3] == filled
    assert len(run("collection", "jobs", "live", "--json").documents()) == 1
    assert run("snapshot", "create", "live", "--id", "monday").status == 0
    assert run("snapshot", "restore", "live", "monday", "old").status == 0
    assert run("snapshot", "delete", "live", "monday").status == 0


def test_a_collection_of_another_workspace_is_named_in_full(run: Any) -> None:
    run("--workspace", "other", "collection", "create", "garage", "--model", "letters")
    assert run("reindex", "workspaces/other/collections/garage").status == 0


def test_a_job_that_has_ended_is_not_cancelled(run: Any, filled: str) -> None:
    (job,) = run("reindex", filled, "--json").documents()
    refused = run("collection", "cancel", filled, job["name"].rpartition("/")[2])
    assert refused.status == 5
    assert "has ended" in refused.err


def test_a_snapshot_is_made_listed_restored_and_deleted(run: Any, filled: str) -> None:
    assert run("snapshot", "list", filled).out == "no snapshots\n"
    assert run("snapshot", "create", filled, "--id", "monday").out == "monday holds 3 documents\n"
    run("document", "delete", filled, "b")
    assert run("snapshot", "restore", filled, "monday", "old").out == "old holds 3 documents\n"
    assert (nearest(run, "old"), nearest(run, filled)) != ("b", "b")
    assert [each["document_count"] for each in run("snapshot", "list", filled, "--json").documents()] == [3]
    assert run("snapshot", "restore", filled, "monday", "old").status == 5
    assert run("snapshot", "delete", filled, "monday").status == 0
    assert run("snapshot", "delete", filled, "monday").status == 3


def test_a_damaged_snapshot_is_refused(run: Any, filled: str, tmp_path: Path) -> None:
    run("snapshot", "create", filled, "--id", "monday")
    file = tmp_path / "data" / "search" / "snapshots" / "default" / filled / "monday.sqlite3"
    file.write_bytes(file.read_bytes()[:-1] + b"!")
    refused = run("snapshot", "restore", filled, "monday", "old", "--json")
    assert refused.errors()[0]["reason"] == "DATA_DAMAGED"
    assert [each["id"] for each in run("collection", "list", "--json").documents()] == [filled]


def test_a_collection_gets_another_model(run: Any) -> None:
    run("collection", "create", "old", "--dimension", "2")
    run("document", "upsert", "old", stdin='{"id": "b", "vector": [1, 0], "attributes": {"text": "bbb"}}')
    arguments = ("--model", "letters", "--from", "text", "--alias", "live")
    assert run("collection", "reembed", "old", "new", *arguments).out == "1 documents are in new\n"
    assert nearest(run, "live") == "b"
    assert run("collection", "reembed", "old", "new", *arguments).status == 5


def test_a_backup_comes_back_on_another_directory(run: Any, filled: str, tmp_path: Path) -> None:
    data, copy = str(tmp_path / "data"), str(tmp_path / "copy")
    (made,) = run("backup", "create", copy, "--data-dir", data, "--json").documents()
    assert made["bytes"] > 0
    assert run("backup", "create", copy, "--data-dir", data).status == 5
    run("collection", "delete", filled, "--force")
    assert run("backup", "restore", copy, "--data-dir", data).status == 5
    (tmp_path / "data").rename(tmp_path / "broken")
    assert run("backup", "restore", copy, "--data-dir", data).status == 0
    assert nearest(run, filled) == "b"
