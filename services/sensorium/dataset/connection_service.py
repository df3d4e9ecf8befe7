"""Connections: what their port promises, on the catalog and the vault."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sensorium.dataset import connections
from sensorium.dataset.checks import check_connection, check_workspace
from sensorium.dataset.model_services.opening import ModelOpener
from sensorium.dataset.model_services.profile import EMBEDDING_KINDS
from sensorium.dataset.repeats import Repeatable, RequestId
from sensorium.dataset.storages.file_sink import FileSink
from sensorium.dataset.storages.file_store import FileStore
from sensorium.dataset.storages.opening import open_files, open_sink
from sensorium.dataset.vault import Vault
from sensorium.errors import InvalidArgument, Reason, SensoriumError, Unimplemented
from sensorium.model.connection import (
    STORAGE_KINDS,
    Connection,
    ConnectionField,
    ConnectionKind,
    ConnectionSpec,
    ConnectionUpdate,
    Validation,
)
from sensorium.model.dataset_names import ConnectionName
from sensorium.model.names import check_id
from sensorium.model.search import Page
from sensorium.settings import DatasetSettings
from sensorium.storage import list_pages
from sensorium.storage.store import Store


class ConnectionService:
    """Keeps connections; implements `dataset_ports.Connections`.

    Args:
        store: An open catalog.
        vault: Seals secrets.
        opener: Opens the models of connections.
        limits: What requests may hold, and which folders may be read.
    """

    def __init__(self, store: Store, vault: Vault, opener: ModelOpener, limits: DatasetSettings) -> None:
        self._store = store
        self._vault = vault
        self._opener = opener
        self._limits = limits

    @property
    def roots(self) -> Sequence[Path]:
        """The folders of this machine that may be read."""
        return self._limits.roots

    async def get_connection(self, name: ConnectionName) -> Connection:
        """Return one connection, without its secrets."""
        return await self._store.read(lambda sql: connections.get(sql, name))

    async def list_connections(self, workspace: str, page_size: int, page_token: str) -> Page[Connection]:
        """Return a page of the workspace's connections, by id, without their secrets."""
        size = list_pages.checked_size(page_size, self._limits.max_page_size)
        mark = list_pages.request_mark("connections", workspace)
        after = list_pages.list_position(page_token, mark)
        found, more = await self._store.read(lambda sql: connections.page(sql, workspace, after, size))
        return Page(tuple(found), list_pages.list_token(mark, found[-1].name.id) if more else "")

    async def create_connection(
        self, name: ConnectionName, spec: ConnectionSpec, *, request_id: str = ""
    ) -> Connection:
        """Create a connection."""
        check_id(name.id, "connection_id")
        check_connection(spec, self._limits)
        sealed = self._vault.seal(spec.secrets, str(name))
        repeat = RequestId.of(name.workspace, request_id, "create connection", name, spec)
        change = Repeatable(
            make=lambda sql: connections.create(sql, name, spec, sealed),
            answer=lambda made: str(made.name),
            recall=lambda sql, _: connections.get(sql, name),
        )
        return await self._store.write(lambda sql: repeat.once(sql, change))

    async def update_connection(self, update: ConnectionUpdate) -> Connection:
        """Change a connection; what it is stays."""
        if not update.fields:
            raise InvalidArgument("update_mask: there is nothing to change", field="update_mask")
        wanted = replace(update, spec=await self._merged(update))
        check_connection(wanted.spec, self._limits)
        sealed = self._vault.seal(wanted.spec.secrets, str(update.name))
        repeat = RequestId.of(update.name.workspace, update.request_id, "update connection", update)
        change = Repeatable(
            make=lambda sql: connections.change(sql, wanted, sealed),
            answer=lambda made: str(made.name),
            recall=lambda sql, _: connections.get(sql, update.name),
        )
        return await self._store.write(lambda sql: repeat.once(sql, change))

    async def delete_connection(self, name: ConnectionName) -> None:
        """Delete a connection."""
        await self._store.write(lambda sql: connections.delete(sql, name))

    async def validate_connection(self, wanted: Validation) -> SensoriumError | None:
        """Try a connection; return what is wrong with it, or None."""
        try:
            name = wanted.name or ConnectionName(wanted.workspace, "tried")
            await self._try(name, await self._wanted(wanted))
        except SensoriumError as error:
            return error
        return None

    async def spec_with_secrets(self, name: ConnectionName) -> ConnectionSpec:
        """Return what a connection is, secrets included, for this service's own use."""
        row = await self._store.read(lambda sql: connections.row_of(sql, name))
        return replace(connections.spec_of(row), secrets=self._vault.open(row.secrets, str(name)))

    async def open_files(self, name: ConnectionName | None, uri: str) -> FileStore:
        """Return the files at `uri` of a storage connection, or of the server's own folders."""
        return open_files(await self.spec_with_secrets(name) if name else None, uri, self.roots)

    async def open_sink(self, name: ConnectionName | None, uri: str) -> FileSink:
        """Return what writes at `uri` of a storage connection, or into folders that the settings allow."""
        return open_sink(await self.spec_with_secrets(name) if name else None, uri, self._limits.export_roots)

    async def _merged(self, update: ConnectionUpdate) -> ConnectionSpec:
        """Return the connection as it will be; secrets that are replaced need not be readable any more."""
        if ConnectionField.SECRETS in update.fields:
            before = (await self.get_connection(update.name)).spec
        else:
            before = await self.spec_with_secrets(update.name)
        return replace(before, **{field.value: getattr(update.spec, field.value) for field in update.fields})

    async def _wanted(self, wanted: Validation) -> ConnectionSpec:
        check_workspace(wanted.name, wanted.workspace, "name")
        stored = await self.spec_with_secrets(wanted.name) if wanted.name else None
        given = wanted.spec
        if given is None:
            if stored is None:
                raise InvalidArgument("connection: name one, or bring one", field="connection")
            return stored
        if stored is None:
            return given
        return replace(stored, **{field.value: value for field in ConnectionField if (value := getattr(given, field))})

    async def _try(self, name: ConnectionName, spec: ConnectionSpec) -> None:
        check_connection(spec, self._limits)
        if spec.kind in STORAGE_KINDS:
            await open_files(spec, "", self.roots).probe()
        elif spec.kind in EMBEDDING_KINDS:
            await self._opener.embedder(name, spec, "").try_once()
        elif spec.kind is not ConnectionKind.EMBEDDED:
            raise Unimplemented(f"connections of the kind {spec.kind} cannot be tried yet", reason=Reason.NOT_BUILT)
