"""The ports of the dataset service: what it offers, local or remote, one for each noun."""

from dataclasses import dataclass
from typing import Protocol

from sensorium.errors import SensoriumError
from sensorium.model.connection import Connection, ConnectionSpec, ConnectionUpdate, Validation
from sensorium.model.dataset import (
    Dataset,
    DatasetSpec,
    DatasetUpdate,
    DatasetVersion,
    VersionSpec,
    VersionUpdate,
)
from sensorium.model.dataset_names import ConnectionName, DatasetName, VersionName
from sensorium.model.search import Page


class Datasets(Protocol):
    """Keeps datasets and their versions; raises NotFound for an unknown one."""

    async def get_dataset(self, name: DatasetName) -> Dataset:
        """Return one dataset."""
        ...

    async def list_datasets(self, workspace: str, page_size: int, page_token: str) -> Page[Dataset]:
        """Return a page of the workspace's datasets, by id."""
        ...

    async def create_dataset(self, name: DatasetName, spec: DatasetSpec, *, request_id: str = "") -> Dataset:
        """Create a dataset with its version 1; `request_id` makes repeats harmless. Raises AlreadyExists."""
        ...

    async def update_dataset(self, update: DatasetUpdate) -> Dataset:
        """Change a dataset. Raises Aborted when it changed since its etag was read."""
        ...

    async def delete_dataset(self, name: DatasetName, *, force: bool) -> None:
        """Delete a dataset. Raises FailedPrecondition when it holds files, unless `force`, or is worked on."""
        ...

    async def get_version(self, name: VersionName) -> DatasetVersion:
        """Return one version."""
        ...

    async def list_versions(self, name: DatasetName, page_size: int, page_token: str) -> Page[DatasetVersion]:
        """Return a page of a dataset's versions, latest first."""
        ...

    async def create_version(
        self, name: DatasetName, spec: VersionSpec, *, source: int = 0, request_id: str = ""
    ) -> DatasetVersion:
        """Create the next version; with the files and tags of version `source` unless that is 0."""
        ...

    async def update_version(self, update: VersionUpdate) -> DatasetVersion:
        """Change what describes a version. Raises Aborted when it changed since its etag was read."""
        ...

    async def delete_version(self, name: VersionName) -> None:
        """Delete a version. Raises FailedPrecondition when it is the only one, or a job works on it."""
        ...

    async def publish_version(self, name: VersionName) -> DatasetVersion:
        """Make a version immutable. Raises FailedPrecondition when a job works on it."""
        ...


class Connections(Protocol):
    """Keeps connections; raises NotFound for an unknown one."""

    async def get_connection(self, name: ConnectionName) -> Connection:
        """Return one connection, without its secrets."""
        ...

    async def list_connections(self, workspace: str, page_size: int, page_token: str) -> Page[Connection]:
        """Return a page of the workspace's connections, by id, without their secrets."""
        ...

    async def create_connection(
        self, name: ConnectionName, spec: ConnectionSpec, *, request_id: str = ""
    ) -> Connection:
        """Create a connection; `request_id` makes repeats harmless. Raises AlreadyExists."""
        ...

    async def update_connection(self, update: ConnectionUpdate) -> Connection:
        """Change a connection. Raises Aborted when it changed since its etag was read."""
        ...

    async def delete_connection(self, name: ConnectionName) -> None:
        """Delete a connection. Raises FailedPrecondition when a dataset uses it."""
        ...

    async def validate_connection(self, wanted: Validation) -> SensoriumError | None:
        """Try a connection; return what is wrong with it, or None."""
        ...


@dataclass(frozen=True, slots=True)
class DatasetPorts:
    """All that the dataset service offers."""

    datasets: Datasets
    connections: Connections
