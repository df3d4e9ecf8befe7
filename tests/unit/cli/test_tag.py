"""`sensorium tag`: definitions from files, and texts tagged by them."""

import json
from pathlib import Path
from typing import Any

import pytest

from sensorium.cli.definition_file import read_definition
from sensorium.settings import TagSettings
from sensorium.tag.definition_check import check_definition

SAMPLES = Path(__file__).resolve().parents[3] / "samples"
LETTERS = {"guide_prompt": "You read.", "tags": {"aaa": "", "bbb": "b"}, "max_tag_count": 1}
TOML = """
display_name = "Letters"
threshold = 0.4
[[tags]]
tag = "aaa"
group = "vowels"
threshold = 1
"""


@pytest.fixture
def letters(run: Any, tmp_path: Path) -> str:
    file = tmp_path / "letters.json"
    file.write_text(json.dumps(LETTERS))
    assert run("tag", "definition", "create", "letters", str(file)).status == 0
    return "letters"


def test_a_definition_is_made_shown_changed_listed_and_deleted(run: Any, letters: str, tmp_path: Path) -> None:
    changes = tmp_path / "changes.toml"
    changes.write_text(TOML)
    (first,) = run("tag", "definition", "get", letters, "--json").documents()
    assert first["spec"]["tags"][1] == {"tag": "bbb", "description": "b", "group": ""}
    (second,) = run("tag", "definition", "update", letters, str(changes), "--etag", first["etag"], "--json").documents()
    spec = second["spec"]
    assert (second["version"], spec["guide_prompt"], spec["threshold"]) == (2, "You read.", 0.4)
    assert spec["tags"] == [{"tag": "aaa", "description": "", "group": "vowels", "threshold": 1}]
    assert run("tag", "definition", "update", letters, str(changes), "--etag", first["etag"]).status == 5
    shown = run("tag", "definition", "get", letters, "--versions", "--json").documents()
    assert [each["version"] for each in shown] == [2, 1]
    assert "bbb" in run("tag", "definition", "get", letters, "--version", "1").out
    assert "Letters" in run("tag", "definition", "list").out
    assert run("tag", "definition", "delete", letters).out == "deleted letters\n"
    assert run("tag", "definition", "list").out == "no tag definitions\n"
    assert run("tag", "definition", "get", letters).status == 3


def test_texts_are_tagged(run: Any, letters: str) -> None:
    shown = run("tag", "run", letters, "aaa", "zzz", "--candidates", "1").out.splitlines()
    assert shown[0].startswith("aaa  aaa 1.00  below: bbb")
    assert shown[1].startswith("zzz  no tag  below: aaa 0.00")
    tagged = run("tag", "run", letters, "-", "--json", stdin="aaa\n \nbbb\n")
    assert tagged.status == 6
    first, failed, last = tagged.documents()
    assert [first["tags"][0]["tag"], failed["error"]["reason"], last["tags"][0]["tag"]] == [
        "aaa",
        "CONTENT_EMPTY",
        "bbb",
    ]
    assert first["tags"][0]["evidence"]["explanation"].startswith("cosine similarity")


def test_tagging_by_what_is_not_there_is_not_found(run: Any) -> None:
    assert run("tag", "run", "nothing", "aaa").status == 3


@pytest.mark.parametrize(
    ("content", "field"),
    [
        ("[]", "definition"),
        ('{"tag": {}}', "tag"),
        ('{"tags": "aaa"}', "tags"),
        ('{"tags": {"aaa": 1}}', "tags[0].description"),
        ('{"tags": ["aaa"]}', "tags[0]"),
        ('{"tags": [{"name": "aaa"}]}', "tags[0].name"),
        ('{"threshold": true}', "threshold"),
        ('{"max_tag_count": 1.5}', "max_tag_count"),
        ("not json", ""),
    ],
)
def test_a_wrong_file_is_a_wrong_request_by_field(run: Any, tmp_path: Path, content: str, field: str) -> None:
    file = tmp_path / "wrong.json"
    file.write_text(content)
    ran = run("tag", "definition", "create", "wrong", str(file), "--json")
    assert (ran.status, ran.errors()[0].get("field", "")) == (2, field)


def test_the_sample_definition_may_be_created() -> None:
    spec = read_definition(SAMPLES / "driving-tags.json").spec()
    check_definition(spec, TagSettings())
    assert (len(spec.tags), spec.tags[-1].tag) == (25, "Non-motorized vehicles")
