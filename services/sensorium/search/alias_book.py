"""Knows which collection each alias stands for, so that no call asks the store."""

import asyncio

from sensorium.model.collection import Alias
from sensorium.model.names import AliasName, CollectionName
from sensorium.model.search import Page
from sensorium.search import aliases
from sensorium.storage import list_pages
from sensorium.storage.store import Store


class AliasBook:
    """The aliases of a store, whose one process this is.

    A change is durable before it is known here, and known here before it is answered.

    Args:
        store: The truth.
        max_page_size: The most aliases of one page.
    """

    def __init__(self, store: Store, max_page_size: int) -> None:
        self._store = store
        self._max_page_size = max_page_size
        self._targets: dict[CollectionName, CollectionName] = {}
        self._changing = asyncio.Lock()

    async def load(self) -> None:
        """Read all aliases; before any is resolved."""
        self._targets = await self._store.read(aliases.targets)

    def resolve(self, name: CollectionName) -> CollectionName:
        """Return the collection that `name` stands for; itself when it is no alias."""
        return self._targets.get(name, name)

    async def get(self, name: AliasName) -> Alias:
        """Return one alias. Raises NotFound."""
        return await self._store.read(lambda connection: aliases.read(connection, name))

    async def page(self, workspace: str, page_size: int, page_token: str) -> Page[Alias]:
        """Return a page of the workspace's aliases, by id."""
        size = list_pages.checked_size(page_size, self._max_page_size)
        mark = list_pages.request_mark("aliases", workspace)
        after = list_pages.list_position(page_token, mark)
        found = await self._store.read(lambda connection: aliases.page(connection, workspace, after, size + 1))
        token = list_pages.list_token(mark, found[size - 1].name.id) if len(found) > size else ""
        return Page(tuple(found[:size]), token)

    async def put(self, name: AliasName, collection: CollectionName) -> Alias:
        """Point an alias at a collection; make it when there is none. Raises NotFound and AlreadyExists."""
        async with self._changing:
            alias = await self._store.write(lambda connection: aliases.put(connection, name, collection))
            self._targets[name.as_collection] = collection
        return alias

    async def remove(self, name: AliasName) -> None:
        """Delete an alias. Raises NotFound."""
        async with self._changing:
            await self._store.write(lambda connection: aliases.remove(connection, name))
            del self._targets[name.as_collection]
