"""Resource names: the default workspace needs no naming, and nothing odd passes."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensorium.errors import InvalidArgument, Reason
from sensorium.model.names import CollectionName, check_document_id, parse_model, parse_workspace

NEWS = CollectionName("default", "news")


@pytest.mark.parametrize("name", ["collections/news", "workspaces/default/collections/news"])
def test_the_default_workspace_may_be_left_out(name: str) -> None:
    assert CollectionName.parse(name) == NEWS


def test_names_print_in_full() -> None:
    assert str(NEWS) == "workspaces/default/collections/news"


@pytest.mark.parametrize(
    "name", ["", "news", "collections/", "collections/News", "collections/a/b", "collections/news\n", "x/collections/a"]
)
def test_other_patterns_are_refused_with_the_field(name: str) -> None:
    with pytest.raises(InvalidArgument) as raised:
        CollectionName.parse(name, "parent")
    assert (raised.value.reason, raised.value.field) == (Reason.NAME_INVALID, "parent")


@given(st.text())
def test_any_text_parses_or_is_refused(text: str) -> None:
    for parse in (CollectionName.parse, parse_model, parse_workspace):
        with suppress(InvalidArgument):
            assert parse(text)


@pytest.mark.parametrize("prefix", ["documents/", "collections/news/documents/", f"{NEWS}/documents/"])
def test_a_document_is_named_in_short_or_in_full(prefix: str) -> None:
    assert NEWS.document_id(f"{prefix}a/b.jpg") == "a/b.jpg"


@pytest.mark.parametrize("name", ["a", "collections/other/documents/a", "documents/", "documents/a\x00"])
def test_a_document_of_another_collection_is_refused(name: str) -> None:
    with pytest.raises(InvalidArgument):
        NEWS.document_id(name)


def test_a_document_id_has_at_most_512_bytes() -> None:
    assert check_document_id("é" * 256)
    with pytest.raises(InvalidArgument):
        check_document_id("é" * 257)


def test_models_may_carry_dots_and_capitals() -> None:
    assert parse_model("models/Qwen2.5-VL") == ("default", "Qwen2.5-VL")
