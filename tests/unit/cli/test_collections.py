"""`sensorium collection` and `sensorium search`, for people and for programs."""

from typing import Any

import pytest
from memory_mesh import MemoryMesh

from sensorium.model.content import Media


def test_a_collection_is_made_listed_shown_and_deleted(run: Any) -> None:
    created = run("collection", "create", "garage", "--model", "letters", "--attribute", "wheels:int", "--json")
    assert created.documents()[0]["attributes"] == [{"field": "wheels", "type": "int"}]
    assert [each["id"] for each in run("collection", "list", "--json").documents()] == ["garage"]
    assert "letters" in run("collection", "get", "garage").out
    assert run("collection", "delete", "garage").out == "deleted garage\n"
    assert run("collection", "list").out == "no collections\n"


def test_a_collection_of_own_vectors_chooses_its_space(run: Any) -> None:
    (created,) = run("collection", "create", "own", "--dimension", "3", "--metric", "dot", "--json").documents()
    assert (created["dimension"], created["metric"], created["model"]) == (3, "dot", "")


@pytest.mark.parametrize("attribute", ["wheels", "wheels:wood", ":int"])
def test_a_wrong_attribute_is_wrong_usage(run: Any, attribute: str) -> None:
    ran = run("collection", "create", "garage", "--model", "letters", "--attribute", attribute)
    assert ran.status == 2
    assert "NAME:TYPE" in ran.err


def test_what_state_forbids_is_refused(run: Any, garage: str) -> None:
    run("document", "upsert", garage, stdin='{"id": "1", "text": "abc"}')
    assert run("collection", "create", garage, "--model", "letters").status == 5
    assert run("collection", "delete", garage).status == 5
    assert run("collection", "delete", garage, "--force").status == 0


def test_search_shows_the_nearest_first(run: Any, garage: str) -> None:
    run("document", "upsert", garage, stdin='{"id": "a", "text": "aaa"}\n{"id": "b", "text": "bbb"}')
    (found,) = run("search", garage, "aab", "--json").documents()
    assert [hit["document"]["id"] for hit in found["hits"]] == ["a", "b"]
    assert found["timings"]["search_ms"] == 1
    assert "0.894" in run("search", garage, "aab", "--top-k", "1").out
    assert run("search", garage, "zzz", "--min-score", "0.5").out == "no hits\n"


def test_a_search_goes_away_from_words_too(run: Any, garage: str) -> None:
    run("document", "upsert", garage, stdin='{"id": "a", "text": "aaab"}\n{"id": "b", "text": "abbb"}')
    (alone,) = run("search", garage, "ab", "--json").documents()
    (without,) = run("search", garage, "ab", "--without", "a", "--json").documents()
    scores = [{hit["document"]["id"]: hit["score"] for hit in found["hits"]} for found in (alone, without)]
    assert scores[0]["a"] == pytest.approx(scores[0]["b"])
    assert scores[1]["a"] < scores[1]["b"]
    assert run("search", garage, "--without", "a").status == 2


def test_search_filters_counts_groups_and_explains(run: Any) -> None:
    run("collection", "create", "shed", "--model", "letters", "--attribute", "n:int")
    lines = (
        '{"id": "a", "text": "aaa", "tags": ["red"], "attributes": {"n": 1}}',
        '{"id": "b", "text": "aab", "tags": ["red", "old"], "attributes": {"n": 2}}',
        '{"id": "c", "text": "abb", "attributes": {"n": 2}}',
    )
    run("document", "upsert", "shed", stdin="\n".join(lines))
    (found,) = run(
        "search", "shed", "a", "--filter", "n >= 1", "--tag", "red", "--not-tag", "old", "--json"
    ).documents()
    assert [hit["document"]["id"] for hit in found["hits"]] == ["a"]
    counted = run("search", "shed", "a", "--facet", "n", "--facet", "tags").out
    assert "2 values" in counted
    (grouped,) = run("search", "shed", "a", "--group-by", "n", "--json").documents()
    assert [(group["value"], len(group["hits"])) for group in grouped["groups"]] == [(1, 1), (2, 1)]
    assert run("search", "shed", "a", "--group-by", "n").status == 0
    explained = run("search", "shed", "a", "--filter", "not n=1", "--explain").out
    assert explained.splitlines()[:2] == ["NOT n = 1", "2 documents match"]
    refused = run("search", "shed", "a", "--filter", "m = 1", "--json")
    assert (refused.status, refused.errors()[0]["reason"]) == (2, "FILTER_INVALID")
    assert run("document", "count", "shed", "--filter", "n = 2", "--not-tag", "old").out == "1\n"
    assert run("document", "delete", "shed").status == 2
    assert run("document", "delete", "shed", "a", "--filter", "n = 2").status == 2
    assert run("document", "delete", "shed", "--filter", "n = 2", "--json").documents() == [{"deleted_count": 2}]


def test_attributes_are_shown_as_they_are(run: Any, garage: str) -> None:
    run("document", "upsert", garage, stdin='{"id": "[bold]a", "text": "aaa", "attributes": {"note": "[red]x[/red]"}}')
    shown = run("search", garage, "a").out
    assert "[bold]a" in shown
    assert "[red]x[/red]" in shown


def test_a_collection_is_changed(run: Any, garage: str) -> None:
    ran = run("collection", "update", garage, "--attribute", "color:string", "--description", "new", "--json")
    (changed,) = ran.documents()
    assert (changed["description"], changed["attributes"]) == ("new", [{"field": "color", "type": "string"}])
    assert run("collection", "update", garage).status == 2
    assert run("collection", "update", garage, "--attribute", "color:colour").status == 2
    assert run("collection", "update", "nowhere", "--description", "x").status == 3


def test_aliases_are_set_listed_shown_and_deleted(run: Any, garage: str) -> None:
    assert "no aliases" in run("alias", "list").out
    assert run("alias", "set", "live", garage, "--json").documents()[0]["collection"].endswith(garage)
    assert "garage" in run("alias", "get", "live").out
    assert [each["name"] for each in run("alias", "list", "--json").documents()] == ["workspaces/default/aliases/live"]
    assert run("alias", "delete", "live", "--json").documents() == [{"deleted": "live"}]
    assert run("alias", "get", "live").status == 3
    assert run("alias", "set", "live", "nowhere").status == 3


def test_search_looks_for_words_and_images_together(run: Any, garage: str, mesh: MemoryMesh) -> None:
    ran = run("search", garage, "aab", "--image", "https://a.example/b.png", "--audio", "data:,x")
    assert ran.status == 0
    words, picture, sound = (content.parts[0] for content in mesh.embedder.requests[-1].contents)
    assert (words.body, picture.modality, picture.body) == ("aab", "image", Media(uri="https://a.example/b.png"))
    assert (sound.modality, sound.body) == ("audio", Media(uri="data:,x"))
    assert run("search", garage).status == 2
