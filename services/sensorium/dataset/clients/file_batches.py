"""Batches of file records of another process, behind the same port as those of this process."""

from collections.abc import Sequence

import grpc

from sensorium.dataset.clients.datasets import new_request_id
from sensorium.dataset_ports import FileBatches
from sensorium.model.dataset_names import FileName, VersionName
from sensorium.model.file_batch import FileChange, FileField, FileOutcome, FileSpec
from sensorium.rpc.codec.file_batch import change_to_proto, results_from_proto, spec_to_proto
from sensorium.rpc.codec.mask import mask_of
from sensorium.v1 import dataset_service_pb2 as pb
from sensorium.v1.dataset_service_pb2_grpc import DatasetServiceStub


class FileBatchClient(FileBatches):
    """Satisfies `FileBatches` over a channel of `rpc.channel`."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = DatasetServiceStub(channel)

    async def create_files(
        self, version: VersionName, specs: Sequence[FileSpec], *, request_id: str = ""
    ) -> list[FileOutcome]:
        """Add file records."""
        request = pb.BatchCreateFilesRequest(
            parent=str(version), files=map(spec_to_proto, specs), request_id=request_id or new_request_id()
        )
        return results_from_proto((await self._stub.BatchCreateFiles(request)).results)

    async def update_files(
        self,
        version: VersionName,
        changes: Sequence[FileChange],
        fields: tuple[FileField, ...] = (),
        *,
        request_id: str = "",
    ) -> list[FileOutcome]:
        """Change file records."""
        request = pb.BatchUpdateFilesRequest(
            parent=str(version),
            files=[change_to_proto(each, version) for each in changes],
            update_mask=mask_of(fields) if fields else None,
            request_id=request_id or new_request_id(),
        )
        return results_from_proto((await self._stub.BatchUpdateFiles(request)).results)

    async def delete_files(
        self, version: VersionName, ids: Sequence[str], *, request_id: str = ""
    ) -> list[FileOutcome]:
        """Mark file records as deleted."""
        request = pb.BatchDeleteFilesRequest(
            parent=str(version),
            names=[str(FileName(version, each)) for each in ids],
            request_id=request_id or new_request_id(),
        )
        return results_from_proto((await self._stub.BatchDeleteFiles(request)).results)
