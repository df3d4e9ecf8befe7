"""`sensorium embed` prints a vector for each text, whatever becomes of the others."""

from pathlib import Path
from typing import Any

import pytest
from memory_mesh import MemoryMesh, count_letters

from sensorium.model.content import Media


def test_each_text_is_a_line_of_json(run: Any) -> None:
    ran = run("embed", "abc", "two words", "--json")
    first, second = ran.documents()
    assert ran.status == 0
    assert first["text"] == "abc"
    assert first["vector"][:3] == [float(str(component)) for component in count_letters("abc")[:3]]
    assert len(first["vector"]) == 26
    assert (second["token_count"], second["truncated"]) == (2, False)


def test_people_see_the_size_and_the_first_components(run: Any) -> None:
    assert "abc  1 tokens  [26] +0.577 +0.577 +0.577 +0.000" in run("embed", "abc").out


def test_lines_are_read_from_a_file(run: Any, tmp_path: Path) -> None:
    (tmp_path / "lines.txt").write_text("abc\ndef\n")
    ran = run("embed", "--file", str(tmp_path / "lines.txt"), "--json")
    assert [each["text"] for each in ran.documents()] == ["abc", "def"]


def test_lines_are_read_from_stdin(run: Any) -> None:
    assert [each["text"] for each in run("embed", "-", "--json", stdin="abc\r\ndef").documents()] == ["abc", "def"]


def test_a_text_that_fails_is_told_and_the_others_are_embedded(run: Any) -> None:
    ran = run("embed", "abc", " ", "def", "--json")
    assert ran.status == 6
    assert ["vector" in each for each in ran.documents()] == [True, False, True]
    assert ran.documents()[1]["error"]["reason"] == "CONTENT_EMPTY"
    assert "1 of 3 contents failed" in ran.err


def test_options_reach_the_mesh(run: Any, mesh: MemoryMesh) -> None:
    assert run("embed", "abc", "--dtype", "int8", "--role", "query", "--instruction", "Find.").status == 0
    options = mesh.embedder.requests[0].options
    assert (options.dtype, options.role, options.instruction) == ("int8", "query", "Find.")


def test_other_kinds_of_vectors_are_shown(run: Any, mesh: MemoryMesh) -> None:
    kinds = ("--output", "sparse", "--output", "multi")
    [told] = run("embed", "aab", *kinds, "--json").documents()
    assert [(each["index"], each["token"]) for each in told["sparse"]] == [(0, "a"), (1, "b")]
    assert told["sparse"][0]["weight"] == pytest.approx(2 / 5**0.5)
    assert [len(each) for each in told["vectors"]] == [26, 26]
    assert "vector" not in told
    assert "aab  1 tokens  2 weights: a 0.89, b 0.45  [2 x 26]" in run("embed", "aab", *kinds).out
    assert mesh.embedder.requests[0].options.outputs == ("sparse", "multi")


def test_what_is_given_together_becomes_one_vector(run: Any, mesh: MemoryMesh) -> None:
    [told] = run(
        *("embed", "abc", "def", "--together", "--fusion", "average"),
        *("--dimension", "8", "--truncation", "refuse", "--json"),
    ).documents()
    [request] = mesh.embedder.requests
    assert told["text"] == "abc + def"
    assert [part.body for part in request.contents[0].parts] == ["abc", "def"]
    options = request.options
    assert (options.dimension, options.truncation, options.fusion) == (8, "refuse", "average")


def test_nothing_to_embed_or_two_things_are_wrong_usage(run: Any, tmp_path: Path) -> None:
    (tmp_path / "lines.txt").write_text("abc\n")
    assert run("embed").status == 2
    assert run("embed", "abc", "--file", str(tmp_path / "lines.txt")).status == 2


def test_a_line_that_is_not_utf_8_is_named(run: Any) -> None:
    ran = run("embed", "-", stdin=b"abc\n\xff\n")
    assert ran.status == 2
    assert "line 2 is not UTF-8" in ran.err


def test_images_and_sounds_are_files_here_or_uris(run: Any, mesh: MemoryMesh, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"a photo")
    photo = str(tmp_path / "a.jpg")
    ran = run("embed", "words", "--image", photo, "--image", "https://a.example/b.png", "--audio", photo, "--json")
    assert [each["text"] for each in ran.documents()] == ["words", photo, "https://a.example/b.png", photo]
    bodies = [content.parts[0].body for content in mesh.embedder.requests[0].contents[1:]]
    assert bodies == [Media(data=b"a photo"), Media(uri="https://a.example/b.png"), Media(data=b"a photo")]


def test_a_file_that_is_not_there_is_wrong_usage(run: Any, tmp_path: Path) -> None:
    ran = run("embed", "--image", str(tmp_path / "none.jpg"))
    assert (ran.status, "No such file" in ran.err) == (2, True)
