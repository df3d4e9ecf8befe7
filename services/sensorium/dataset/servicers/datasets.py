"""The methods of DatasetService for datasets and versions."""

from typing import Any

import grpc

from sensorium.dataset_ports import Datasets
from sensorium.model.dataset_names import DatasetName, VersionName
from sensorium.model.names import parse_workspace
from sensorium.rpc.codec.dataset import (
    dataset_spec_from_proto,
    dataset_to_proto,
    dataset_update_from_proto,
    version_number,
    version_spec_from_proto,
    version_to_proto,
    version_update_from_proto,
)
from sensorium.rpc.codec.version_difference import difference_to_proto
from sensorium.v1 import dataset_service_pb2 as pb
from sensorium.v1.dataset_service_pb2_grpc import DatasetServiceServicer

Context = grpc.aio.ServicerContext[Any, Any]


class DatasetMethods(DatasetServiceServicer):
    """Serves `datasets`."""

    datasets: Datasets

    async def GetDataset(self, request: pb.GetDatasetRequest, context: Context) -> pb.GetDatasetResponse:  # noqa: N802, ARG002
        """Return one dataset."""
        found = await self.datasets.get_dataset(DatasetName.parse(request.name))
        return pb.GetDatasetResponse(dataset=dataset_to_proto(found))

    async def ListDatasets(self, request: pb.ListDatasetsRequest, context: Context) -> pb.ListDatasetsResponse:  # noqa: N802, ARG002
        """Return a page of datasets."""
        workspace = parse_workspace(request.parent)
        page = await self.datasets.list_datasets(workspace, request.page_size, request.page_token)
        return pb.ListDatasetsResponse(datasets=map(dataset_to_proto, page.items), next_page_token=page.next_page_token)

    async def CreateDataset(self, request: pb.CreateDatasetRequest, context: Context) -> pb.CreateDatasetResponse:  # noqa: N802, ARG002
        """Create a dataset."""
        name = DatasetName(parse_workspace(request.parent), request.dataset_id)
        spec = dataset_spec_from_proto(request.dataset)
        made = await self.datasets.create_dataset(name, spec, request_id=request.request_id)
        return pb.CreateDatasetResponse(dataset=dataset_to_proto(made))

    async def UpdateDataset(self, request: pb.UpdateDatasetRequest, context: Context) -> pb.UpdateDatasetResponse:  # noqa: N802, ARG002
        """Change a dataset."""
        changed = await self.datasets.update_dataset(dataset_update_from_proto(request))
        return pb.UpdateDatasetResponse(dataset=dataset_to_proto(changed))

    async def DeleteDataset(self, request: pb.DeleteDatasetRequest, context: Context) -> pb.DeleteDatasetResponse:  # noqa: N802, ARG002
        """Delete a dataset."""
        await self.datasets.delete_dataset(DatasetName.parse(request.name), force=request.force)
        return pb.DeleteDatasetResponse()

    async def GetDatasetVersion(  # noqa: N802
        self,
        request: pb.GetDatasetVersionRequest,
        context: Context,  # noqa: ARG002
    ) -> pb.GetDatasetVersionResponse:
        """Return one version."""
        found = await self.datasets.get_version(VersionName.parse(request.name))
        return pb.GetDatasetVersionResponse(dataset_version=version_to_proto(found))

    async def ListDatasetVersions(  # noqa: N802
        self,
        request: pb.ListDatasetVersionsRequest,
        context: Context,  # noqa: ARG002
    ) -> pb.ListDatasetVersionsResponse:
        """Return a page of versions."""
        name = DatasetName.parse(request.parent, "parent")
        page = await self.datasets.list_versions(name, request.page_size, request.page_token)
        return pb.ListDatasetVersionsResponse(
            dataset_versions=map(version_to_proto, page.items), next_page_token=page.next_page_token
        )

    async def CreateDatasetVersion(  # noqa: N802
        self,
        request: pb.CreateDatasetVersionRequest,
        context: Context,  # noqa: ARG002
    ) -> pb.CreateDatasetVersionResponse:
        """Create a version."""
        made = await self.datasets.create_version(
            DatasetName.parse(request.parent, "parent"),
            version_spec_from_proto(request.dataset_version),
            source=version_number(request.source_version, "source_version"),
            request_id=request.request_id,
        )
        return pb.CreateDatasetVersionResponse(dataset_version=version_to_proto(made))

    async def UpdateDatasetVersion(  # noqa: N802
        self,
        request: pb.UpdateDatasetVersionRequest,
        context: Context,  # noqa: ARG002
    ) -> pb.UpdateDatasetVersionResponse:
        """Change what describes a version."""
        changed = await self.datasets.update_version(version_update_from_proto(request))
        return pb.UpdateDatasetVersionResponse(dataset_version=version_to_proto(changed))

    async def DeleteDatasetVersion(  # noqa: N802
        self,
        request: pb.DeleteDatasetVersionRequest,
        context: Context,  # noqa: ARG002
    ) -> pb.DeleteDatasetVersionResponse:
        """Delete a version."""
        await self.datasets.delete_version(VersionName.parse(request.name))
        return pb.DeleteDatasetVersionResponse()

    async def CompareDatasetVersions(  # noqa: N802
        self,
        request: pb.CompareDatasetVersionsRequest,
        context: Context,  # noqa: ARG002
    ) -> pb.CompareDatasetVersionsResponse:
        """Return a page of the files that differ."""
        name, base = VersionName.parse(request.name), VersionName.parse(request.base, "base")
        found = await self.datasets.compare_versions(name, base, request.page_size, request.page_token)
        return difference_to_proto(found)

    async def PublishDatasetVersion(  # noqa: N802
        self,
        request: pb.PublishDatasetVersionRequest,
        context: Context,  # noqa: ARG002
    ) -> pb.PublishDatasetVersionResponse:
        """Make a version immutable."""
        published = await self.datasets.publish_version(VersionName.parse(request.name))
        return pb.PublishDatasetVersionResponse(dataset_version=version_to_proto(published))
