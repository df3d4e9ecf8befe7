"""Datasets and versions of another process, behind the same port as those of this process."""

import uuid
from dataclasses import replace

import grpc

from sensorium.dataset_ports import Datasets
from sensorium.model.dataset import Dataset, DatasetSpec, DatasetUpdate, DatasetVersion, VersionSpec, VersionUpdate
from sensorium.model.dataset_names import DatasetName, VersionName
from sensorium.model.search import Page
from sensorium.model.version_difference import VersionDifference
from sensorium.rpc.codec.dataset import (
    dataset_from_proto,
    dataset_spec_to_proto,
    dataset_update_to_proto,
    version_from_proto,
    version_spec_to_proto,
    version_update_to_proto,
)
from sensorium.rpc.codec.version_difference import difference_from_proto
from sensorium.v1 import dataset_service_pb2 as pb
from sensorium.v1.dataset_service_pb2_grpc import DatasetServiceStub


class DatasetClient(Datasets):
    """Satisfies `Datasets` over a channel of `rpc.channel`, which passes deadlines on and raises our errors."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = DatasetServiceStub(channel)

    async def get_dataset(self, name: DatasetName) -> Dataset:
        """Return one dataset."""
        return dataset_from_proto((await self._stub.GetDataset(pb.GetDatasetRequest(name=str(name)))).dataset)

    async def list_datasets(self, workspace: str, page_size: int, page_token: str) -> Page[Dataset]:
        """Return a page of the workspace's datasets, by id."""
        request = pb.ListDatasetsRequest(parent=f"workspaces/{workspace}", page_size=page_size, page_token=page_token)
        response = await self._stub.ListDatasets(request)
        return Page(tuple(map(dataset_from_proto, response.datasets)), response.next_page_token)

    async def create_dataset(self, name: DatasetName, spec: DatasetSpec, *, request_id: str = "") -> Dataset:
        """Create a dataset with its version 1."""
        response = await self._stub.CreateDataset(
            pb.CreateDatasetRequest(
                parent=f"workspaces/{name.workspace}",
                dataset_id=name.id,
                dataset=dataset_spec_to_proto(spec),
                request_id=request_id or new_request_id(),
            )
        )
        return dataset_from_proto(response.dataset)

    async def update_dataset(self, update: DatasetUpdate) -> Dataset:
        """Change a dataset."""
        named = replace(update, request_id=update.request_id or new_request_id())
        return dataset_from_proto((await self._stub.UpdateDataset(dataset_update_to_proto(named))).dataset)

    async def delete_dataset(self, name: DatasetName, *, force: bool) -> None:
        """Delete a dataset with its versions."""
        await self._stub.DeleteDataset(pb.DeleteDatasetRequest(name=str(name), force=force))

    async def get_version(self, name: VersionName) -> DatasetVersion:
        """Return one version."""
        response = await self._stub.GetDatasetVersion(pb.GetDatasetVersionRequest(name=str(name)))
        return version_from_proto(response.dataset_version)

    async def list_versions(self, name: DatasetName, page_size: int, page_token: str) -> Page[DatasetVersion]:
        """Return a page of a dataset's versions, latest first."""
        request = pb.ListDatasetVersionsRequest(parent=str(name), page_size=page_size, page_token=page_token)
        response = await self._stub.ListDatasetVersions(request)
        return Page(tuple(map(version_from_proto, response.dataset_versions)), response.next_page_token)

    async def create_version(
        self, name: DatasetName, spec: VersionSpec, *, source: int = 0, request_id: str = ""
    ) -> DatasetVersion:
        """Create the next version, as a copy of version `source` unless that is 0."""
        response = await self._stub.CreateDatasetVersion(
            pb.CreateDatasetVersionRequest(
                parent=str(name),
                dataset_version=version_spec_to_proto(spec),
                source_version=f"v{source}" if source else "",
                request_id=request_id or new_request_id(),
            )
        )
        return version_from_proto(response.dataset_version)

    async def compare_versions(
        self, name: VersionName, base: VersionName, page_size: int, page_token: str
    ) -> VersionDifference:
        """Return a page of the files in which a version differs from another, by URI."""
        request = pb.CompareDatasetVersionsRequest(
            name=str(name), base=str(base), page_size=page_size, page_token=page_token
        )
        return difference_from_proto(await self._stub.CompareDatasetVersions(request))

    async def update_version(self, update: VersionUpdate) -> DatasetVersion:
        """Change what describes a version."""
        named = replace(update, request_id=update.request_id or new_request_id())
        response = await self._stub.UpdateDatasetVersion(version_update_to_proto(named))
        return version_from_proto(response.dataset_version)

    async def delete_version(self, name: VersionName) -> None:
        """Delete a version with its files."""
        await self._stub.DeleteDatasetVersion(pb.DeleteDatasetVersionRequest(name=str(name)))

    async def publish_version(self, name: VersionName) -> DatasetVersion:
        """Make a version immutable."""
        response = await self._stub.PublishDatasetVersion(pb.PublishDatasetVersionRequest(name=str(name)))
        return version_from_proto(response.dataset_version)


def new_request_id() -> str:
    """Return an id that stays the same for all repeats of one call."""
    return str(uuid.uuid4())
