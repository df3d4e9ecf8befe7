"""`sensorium document` writes lines of JSON: a bad line is told with its number, and no good one is lost."""

import json
from pathlib import Path
from typing import Any

import pytest
from memory_mesh import MemoryMesh, count_letters

from sensorium.client import bulk
from sensorium.errors import Unavailable
from sensorium.model.content import Media


def lines(*records: object) -> str:
    return "".join(f"{record if isinstance(record, str) else json.dumps(record)}\n" for record in records)


def test_texts_and_vectors_are_written_with_tags_and_attributes(run: Any, garage: str) -> None:
    records = (
        {"id": "1", "text": "abc", "tags": ["red"], "attributes": {"wheels": 2, "parts": ["bell"]}},
        {"id": "2", "vector": count_letters("xyz").tolist()},
    )
    ran = run("document", "upsert", garage, "-", stdin=lines(*records))
    assert (ran.status, ran.out) == (0, "2 documents written to garage\n")
    first, second = run("document", "get", garage, "1", "2", "--vectors", "--json").documents()
    assert (first["tags"], first["attributes"]) == (["red"], {"wheels": 2, "parts": ["bell"]})
    assert second["vector"][-1] == pytest.approx(count_letters("xyz")[-1])


def test_a_file_is_written_too(run: Any, garage: str, tmp_path: Path) -> None:
    (tmp_path / "cars.jsonl").write_text(lines({"id": "1", "text": "abc"}))
    assert run("document", "upsert", garage, str(tmp_path / "cars.jsonl"), "--json").documents() == [
        {"written_count": 1, "failed_count": 0}
    ]
    assert run("document", "upsert", garage, str(tmp_path / "none.jsonl")).status == 2


def test_every_bad_line_is_told_and_stops_no_other(run: Any, garage: str) -> None:
    stdin = lines(
        {"id": "1", "text": "abc"},
        "not json",
        {"id": "3", "text": " "},
        [],
        "",
        {"text": "no id"},
        {"id": "7", "text": "abc", "colour": "red"},
        {"id": "8", "vector": [1, "x"]},
        {"id": "9", "text": "abc", "tags": "red"},
        {"id": "10", "text": "abc", "attributes": {"owner": {"name": "Ann"}}},
        {"id": "11", "text": "abc", "vector": [1.0]},
        {"id": "12", "vector": [1.0]},
        {"id": "13", "text": "def"},
    )
    ran = run("document", "upsert", garage, "--batch-size", "2", "--json", stdin=stdin)
    assert ran.status == 6
    assert ran.documents() == [{"written_count": 2, "failed_count": 10}]
    assert sorted(error["line"] for error in ran.errors()) == [2, 3, 4, 6, 7, 8, 9, 10, 11, 12]
    assert {error["line"]: error.get("field") for error in ran.errors()}[10] == "attributes.owner"
    assert "10 of 12 documents failed" in ran.err
    assert run("document", "count", garage).out == "2\n"


def test_a_refused_document_is_named_with_its_line(run: Any, garage: str) -> None:
    ran = run("document", "upsert", garage, stdin=lines({"id": "a", "text": "abc"}, {"id": "b", "text": " "}))
    assert "CONTENT_EMPTY: line 2: document 'b': " in ran.err


def test_strict_stops_at_the_first_bad_line_and_tells_what_is_written(run: Any, garage: str) -> None:
    stdin = lines(*({"id": str(number), "text": "abc"} for number in range(5)), "not json", {"id": "9", "text": "abc"})
    ran = run("document", "upsert", garage, "--strict", "--batch-size", "2", stdin=stdin)
    assert ran.status == 2
    assert "line 6: is not JSON" in ran.err
    assert "stopped: of the lines up to 4, 4 documents are written" in ran.err
    assert run("document", "count", garage, "--json").documents() == [{"count": 4}]


def test_strict_stops_at_the_first_refused_document(run: Any, garage: str) -> None:
    stdin = lines({"id": "1", "text": "abc"}, {"id": "2", "text": " "}, {"id": "3", "text": "abc"})
    ran = run("document", "upsert", garage, "--strict", "--batch-size", "1", stdin=stdin)
    assert ran.status == 2
    assert "line 2" in ran.err
    assert run("document", "count", garage).out == "1\n"


def test_what_is_written_before_an_outage_is_told(
    run: Any, garage: str, mesh: MemoryMesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "FIRST_DELAY", 0.0)
    run("document", "upsert", garage, stdin=lines({"id": "1", "text": "abc"}))
    mesh.embedder.errors = [Unavailable("down", metadata={"backend": "triton"})] * 6
    ran = run("document", "upsert", garage, stdin=lines({"id": "2", "text": "abc"}))
    assert ran.status == 4
    assert "0 documents are written" in ran.err


def test_a_missing_document_is_not_found_and_the_others_are_shown(run: Any, garage: str) -> None:
    run("document", "upsert", garage, stdin=lines({"id": "1", "text": "abc"}))
    ran = run("document", "get", garage, "none", "1", "--json")
    assert ran.status == 3
    assert [each["id"] for each in ran.documents()] == ["1"]
    assert ran.errors()[0]["reason"] == "DOCUMENT_NOT_FOUND"


def test_deleting_tells_how_many_were_there(run: Any, garage: str) -> None:
    run("document", "upsert", garage, stdin=lines({"id": "1", "text": "abc"}))
    assert run("document", "delete", garage, "1", "2", "--json").documents() == [{"deleted_count": 1}]


def test_a_document_may_be_an_image_a_sound_or_several_parts(
    run: Any, garage: str, mesh: MemoryMesh, tmp_path: Path
) -> None:
    (tmp_path / "a.jpg").write_bytes(b"a photo")
    photo, bell = str(tmp_path / "a.jpg"), "https://a.example/bell.wav"
    ran = run("document", "upsert", garage, stdin=lines({"id": "1", "text": "abc", "image": photo, "audio": bell}))
    assert ran.status == 0
    ((sent,),) = [request.contents for request in mesh.embedder.requests]
    assert [part.body for part in sent.parts] == ["abc", Media(data=b"a photo"), Media(uri=bell)]


def test_an_image_that_is_not_there_is_told_with_its_line(run: Any, garage: str, tmp_path: Path) -> None:
    ran = run("document", "upsert", garage, stdin=lines({"id": "1", "image": str(tmp_path / "none.jpg")}))
    assert (ran.status, "line 1: names" in ran.err) == (6, True)
