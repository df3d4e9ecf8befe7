"""The tag service: what the port promises, on a store of definitions and an embedder."""

from dataclasses import replace
from types import TracebackType
from typing import Self

from sensorium.errors import InvalidArgument
from sensorium.model.count_check import check_count
from sensorium.model.names import TagDefinitionName, check_id
from sensorium.model.search import Page
from sensorium.model.tagging import (
    DefinitionUpdate,
    TagDefinition,
    TagDefinitionSpec,
    TagRequest,
    TagResponse,
    TagSpec,
)
from sensorium.ports import Embedder
from sensorium.settings import TagSettings
from sensorium.storage import list_pages
from sensorium.storage.store import Store
from sensorium.storage.workers import Workers
from sensorium.storage.write_lane import Terms
from sensorium.tag import definitions
from sensorium.tag.definition_check import check_definition
from sensorium.tag.repeats import check_request_id, once
from sensorium.tag.similarity import SimilarityTagging

LARGEST_VERSION = 2**31 - 1
# Stands for what an update leaves as it is.
_GOOD = TagDefinitionSpec(tags=(TagSpec("tag"),))


class TagService:
    """Keeps tag definitions and tags contents by them; implements `ports.Tagger`.

    The service works while its context is open; the store must outlive it.

    Args:
        store: An open store of definitions.
        embedder: Gives the vectors of contents and of tags.
        limits: What requests may hold.
    """

    def __init__(self, store: Store, embedder: Embedder, limits: TagSettings) -> None:
        self._store = store
        self._limits = limits
        self._scorers = Workers("tag-score", 1, limits.queue_reads)
        self._similarity = SimilarityTagging(embedder, self._scorers, limits)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        self._scorers.close()

    async def get_definition(self, name: TagDefinitionName, version: int) -> TagDefinition:
        """Return one version of a definition; 0 means the latest.

        Raises:
            InvalidArgument: `version` is negative.
        """
        _check_range(version, LARGEST_VERSION, "version")
        return await self._store.read(lambda connection: definitions.get(connection, name, version))

    async def list_definitions(self, workspace: str, page_size: int, page_token: str) -> Page[TagDefinition]:
        """Return a page of the workspace's definitions in their latest version, by id."""
        size = list_pages.checked_size(page_size, self._limits.max_page_size)
        mark = list_pages.request_mark("tagDefinitions", workspace)
        after = list_pages.list_position(page_token, mark)
        found, more = await self._store.read(lambda connection: definitions.page(connection, workspace, after, size))
        return Page(tuple(found), list_pages.list_token(mark, found[-1].name.id) if more else "")

    async def list_definition_versions(
        self, name: TagDefinitionName, page_size: int, page_token: str
    ) -> Page[TagDefinition]:
        """Return a page of the versions of one definition, latest first."""
        size = list_pages.checked_size(page_size, self._limits.max_page_size)
        key = await self._store.read(lambda connection: definitions.key_of(connection, name))
        mark = list_pages.request_mark("versions", key)
        before = _version(list_pages.list_position(page_token, mark))
        found, more = await self._store.read(lambda connection: definitions.version_page(connection, key, before, size))
        return Page(tuple(found), list_pages.list_token(mark, str(found[-1].version)) if more else "")

    async def create_definition(
        self, name: TagDefinitionName, spec: TagDefinitionSpec, *, request_id: str = ""
    ) -> TagDefinition:
        """Create a definition as version 1; a repeat with the same `request_id` is harmless.

        Raises:
            InvalidArgument: A field is wrong, or `request_id` came with another request.
            AlreadyExists: There is one of this name.
        """
        check_id(name.id, "tag_definition_id")
        check_definition(spec, self._limits)
        repeat, mark = check_request_id(request_id), list_pages.request_mark("create", name, spec)
        return await self._store.write(
            lambda writing: once(writing, name, repeat, mark, lambda it: definitions.create(it, name, spec))
        )

    async def update_definition(self, update: DefinitionUpdate) -> TagDefinition:
        """Make a new version; a repeat with the same `request_id` is harmless.

        Raises:
            InvalidArgument: A field is wrong, nothing changes, or `request_id` came with another request.
            Aborted: CONFLICT, when the etag is not that of the latest version.
        """
        if not update.fields:
            raise InvalidArgument("update_mask: there is nothing to change", field="update_mask")
        checked = definitions.merged(_GOOD, update)
        check_definition(checked, self._limits)
        repeat, mark = (
            check_request_id(update.request_id),
            list_pages.request_mark("update", replace(update, request_id="")),
        )
        return await self._store.write(
            lambda writing: once(writing, update.name, repeat, mark, lambda it: definitions.change(it, update))
        )

    async def delete_definition(self, name: TagDefinitionName) -> None:
        """Delete a definition and its versions."""
        await self._store.write(lambda connection: definitions.delete(connection, name), Terms.of_call(frees=True))

    async def tag(self, request: TagRequest) -> TagResponse:
        """Return tags or an error for each content, in order.

        Raises:
            InvalidArgument: The request or its inline definition is wrong, or the model cannot tag.
            NotFound: There is no such definition, version or model.
            SensoriumError: The contents cannot be embedded at all.
        """
        check_count("contents", len(request.contents), self._limits.max_contents)
        _check_range(request.candidate_count, LARGEST_VERSION, "candidate_count")
        spec, version = await self._definition(request)
        tagged = await self._similarity.tag_by(spec, request)
        return replace(tagged, version=version)

    async def _definition(self, request: TagRequest) -> tuple[TagDefinitionSpec, int]:
        """Return the definition that a request tags by, and its version; 0 for an inline one."""
        match request.definition:
            case TagDefinitionName() as name:
                if name.workspace != request.workspace:
                    raise InvalidArgument(
                        f"tag_definition: {name} is not in the workspace of the call, {request.workspace}",
                        field="tag_definition",
                    )
                found = await self.get_definition(name, request.version)
                return found.spec, found.version
            case spec:
                if request.version:
                    raise InvalidArgument("version: an inline definition has no versions", field="version")
                check_definition(spec, self._limits, "inline_definition")
                return spec, 0


def _version(position: str) -> int:
    """Return the version below which a page starts."""
    if not position:
        return LARGEST_VERSION
    if not (position.isascii() and position.isdecimal() and len(position) <= 10):
        raise list_pages.invalid()
    return int(position)


def _check_range(number: int, largest: int, field: str) -> None:
    if not 0 <= number <= largest:
        raise InvalidArgument(f"{field}: {number} is not between 0 and {largest}", field=field)
