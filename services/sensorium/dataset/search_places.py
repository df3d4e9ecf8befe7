"""Reads where pages of searches in versions begin: a token is good for the request that it came from alone."""

from dataclasses import replace

from sensorium.dataset.near_page import Place
from sensorium.model.file_search import FileSearchRequest
from sensorium.storage import list_pages


def hits_mark(request: FileSearchRequest) -> str:
    """Return what tells a search from another, whatever its page."""
    return list_pages.request_mark("search files", replace(request, page_size=0, page_token=""))


def hits_place(request: FileSearchRequest) -> Place:
    """Return where the page of a request begins. Raises InvalidArgument (PAGE_TOKEN_INVALID)."""
    if not request.page_token:
        return Place("", 0)
    match list_pages.decode(request.page_token, hits_mark(request)):
        case [str(inner), int(rank)] if rank > 0:
            return Place(inner, rank)
        case _:
            raise list_pages.invalid()


def twins_place(token: str, mark: str) -> tuple[int, str]:
    """Return the size, as a negative number, and the first id of the group behind which a page begins.

    Raises:
        InvalidArgument: PAGE_TOKEN_INVALID.
    """
    if not token:
        return -(2**62), ""
    match list_pages.decode(token, mark):
        case [int(size), str(first)]:
            return size, first
        case _:
            raise list_pages.invalid()
