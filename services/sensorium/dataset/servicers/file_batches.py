"""The methods of DatasetService that bring, change and delete file records."""

from typing import Any

import grpc

from sensorium.dataset_ports import FileBatches
from sensorium.model.dataset_names import VersionName
from sensorium.rpc.codec.file_batch import (
    changes_from_proto,
    fields_of,
    ids_from_proto,
    results_to_proto,
    specs_from_proto,
)
from sensorium.v1 import dataset_service_pb2 as pb
from sensorium.v1.dataset_service_pb2_grpc import DatasetServiceServicer

Context = grpc.aio.ServicerContext[Any, Any]


class FileBatchMethods(DatasetServiceServicer):
    """Serves `file_batches`."""

    file_batches: FileBatches

    async def BatchCreateFiles(  # noqa: N802
        self,
        request: pb.BatchCreateFilesRequest,
        context: Context,  # noqa: ARG002
    ) -> pb.BatchCreateFilesResponse:
        """Add file records."""
        version = VersionName.parse(request.parent, "parent")
        specs, faults = specs_from_proto(request)
        made = await self.file_batches.create_files(version, specs, request_id=request.request_id)
        return pb.BatchCreateFilesResponse(results=results_to_proto(made, faults))

    async def BatchUpdateFiles(  # noqa: N802
        self,
        request: pb.BatchUpdateFilesRequest,
        context: Context,  # noqa: ARG002
    ) -> pb.BatchUpdateFilesResponse:
        """Change file records."""
        version = VersionName.parse(request.parent, "parent")
        changes, faults = changes_from_proto(request)
        changed = await self.file_batches.update_files(
            version, changes, fields_of(request), request_id=request.request_id
        )
        return pb.BatchUpdateFilesResponse(results=results_to_proto(changed, faults))

    async def BatchDeleteFiles(  # noqa: N802
        self,
        request: pb.BatchDeleteFilesRequest,
        context: Context,  # noqa: ARG002
    ) -> pb.BatchDeleteFilesResponse:
        """Mark file records as deleted."""
        version = VersionName.parse(request.parent, "parent")
        ids, faults = ids_from_proto(request)
        deleted = await self.file_batches.delete_files(version, ids, request_id=request.request_id)
        return pb.BatchDeleteFilesResponse(results=results_to_proto(deleted, faults))
