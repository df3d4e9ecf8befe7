"""Pages through the served models, by id."""

from base64 import b64decode, urlsafe_b64encode
from collections.abc import Sequence

from sensorium.errors import InvalidArgument, Reason
from sensorium.model.embedding import ModelInfo
from sensorium.model.search import Page

_USUAL_SIZE = 100
_LARGEST_SIZE = 1000


def model_page(models: Sequence[ModelInfo], size: int, token: str) -> Page[ModelInfo]:
    """Return the page of `models` (by name, ascending) behind the model that `token` stands for.

    Raises:
        InvalidArgument: The size is negative, or the token is not one of ours.
    """
    if size < 0:
        raise InvalidArgument(f"page_size: {size} is negative", field="page_size")
    limit = min(size or _USUAL_SIZE, _LARGEST_SIZE)
    after = _name(token)
    behind = [model for model in models if model.name > after]
    page = tuple(behind[:limit])
    return Page(page, _token(page[-1].name) if len(behind) > limit else "")


def _token(name: str) -> str:
    return urlsafe_b64encode(name.encode()).decode()


def _name(token: str) -> str:
    try:
        return b64decode(token, altchars=b"-_", validate=True).decode()
    except ValueError:
        raise InvalidArgument("page_token: is damaged", reason=Reason.PAGE_TOKEN_INVALID, field="page_token") from None
