"""Lists that a server gives by page, as one stream of items."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

from sensorium.model.search import Page

T = TypeVar("T")


async def each_of(page: Callable[[str], Awaitable[Page[T]]]) -> AsyncIterator[T]:
    """Yield the items of all pages; `page` returns the page that a token names, the first for an empty one."""
    token = ""
    while True:
        found = await page(token)
        for item in found.items:
            yield item
        token = found.next_page_token
        if not token:
            return
