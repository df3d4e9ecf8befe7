"""Models come in pages that a token continues."""

import pytest

from sensorium.embed.model_page import model_page
from sensorium.errors import InvalidArgument
from sensorium.model.embedding import ModelInfo

MODELS = [ModelInfo(name, "r", "d", 4, 8, "MIT") for name in ("a", "b", "c")]


def test_a_page_of_all_has_no_token() -> None:
    assert model_page(MODELS, 0, "").next_page_token == ""


def test_a_token_continues_behind_the_last_model_even_when_that_is_gone() -> None:
    first = model_page(MODELS, 2, "")
    rest = model_page([model for model in MODELS if model.name != "b"], 2, first.next_page_token)
    assert [model.name for model in (*first.items, *rest.items)] == ["a", "b", "c"]
    assert rest.next_page_token == ""


@pytest.mark.parametrize(("size", "token"), [(-1, ""), (0, "%%%"), (0, "_w==")])
def test_a_wrong_page_is_refused(size: int, token: str) -> None:
    with pytest.raises(InvalidArgument):
        model_page(MODELS, size, token)
