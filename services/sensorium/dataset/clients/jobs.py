"""Jobs of another process, behind the same port as those of this process."""

from collections.abc import AsyncIterator, Sequence

import grpc
from google.protobuf.field_mask_pb2 import FieldMask

from sensorium.dataset.clients.datasets import new_request_id
from sensorium.dataset_ports import Jobs
from sensorium.model.dataset_job import Job, JobFile, JobFileState, JobSpec, JobState
from sensorium.model.dataset_names import DatasetName, JobName
from sensorium.model.search import Page
from sensorium.rpc.codec.dataset_job import (
    FILE_STATE,
    STATE,
    job_file_from_proto,
    job_from_proto,
    spec_to_proto,
)
from sensorium.v1 import dataset_service_pb2 as pb
from sensorium.v1.dataset_service_pb2_grpc import DatasetServiceStub


class JobClient(Jobs):
    """Satisfies `Jobs` over a channel of `rpc.channel`."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = DatasetServiceStub(channel)

    async def get_job(self, name: JobName) -> Job:
        """Return one job."""
        return job_from_proto((await self._stub.GetDatasetJob(pb.GetDatasetJobRequest(name=str(name)))).job)

    async def list_jobs(
        self, dataset: DatasetName, page_size: int, page_token: str, states: Sequence[JobState] = ()
    ) -> Page[Job]:
        """Return a page of jobs, latest first, without logs; the dataset `-` means all of the workspace."""
        request = pb.ListDatasetJobsRequest(
            parent=str(dataset), page_size=page_size, page_token=page_token, states=map(STATE.to_proto, states)
        )
        response = await self._stub.ListDatasetJobs(request)
        return Page(tuple(map(job_from_proto, response.jobs)), response.next_page_token)

    async def create_job(self, spec: JobSpec, *, request_id: str = "", dry_run: bool = False) -> Job:
        """Start a job, or estimate what it would do."""
        request = pb.CreateDatasetJobRequest(
            parent=str(spec.version.dataset),
            job=spec_to_proto(spec),
            request_id=request_id or new_request_id(),
            dry_run=dry_run,
        )
        return job_from_proto((await self._stub.CreateDatasetJob(request)).job)

    async def update_job(self, name: JobName, *, description: str | None, concurrency: int | None) -> Job:
        """Change the description of a job, or how many batches it works on at once; None stays."""
        given = {"description": description, "concurrency": concurrency}
        request = pb.UpdateDatasetJobRequest(
            job=pb.DatasetJob(name=str(name), description=description or "", concurrency=concurrency or 0),
            update_mask=FieldMask(paths=[field for field, value in given.items() if value is not None]),
        )
        return job_from_proto((await self._stub.UpdateDatasetJob(request)).job)

    async def delete_job(self, name: JobName) -> None:
        """Delete a job that has ended, and its ledger."""
        await self._stub.DeleteDatasetJob(pb.DeleteDatasetJobRequest(name=str(name)))

    async def pause_job(self, name: JobName) -> Job:
        """Let a job rest."""
        return job_from_proto((await self._stub.PauseDatasetJob(pb.PauseDatasetJobRequest(name=str(name)))).job)

    async def resume_job(self, name: JobName) -> Job:
        """Let a paused job go on."""
        return job_from_proto((await self._stub.ResumeDatasetJob(pb.ResumeDatasetJobRequest(name=str(name)))).job)

    async def cancel_job(self, name: JobName) -> Job:
        """Stop a job for good."""
        return job_from_proto((await self._stub.CancelDatasetJob(pb.CancelDatasetJobRequest(name=str(name)))).job)

    async def retry_job(self, name: JobName) -> Job:
        """Work on the failed files again."""
        return job_from_proto((await self._stub.RetryDatasetJob(pb.RetryDatasetJobRequest(name=str(name)))).job)

    async def watch_job(self, name: JobName) -> AsyncIterator[Job]:
        """Yield a job whenever it changes, until it has ended or rests."""
        async for response in self._stub.WatchDatasetJob(pb.WatchDatasetJobRequest(name=str(name))):
            yield job_from_proto(response.job)

    async def list_job_files(
        self, name: JobName, page_size: int, page_token: str, states: Sequence[JobFileState] = ()
    ) -> Page[JobFile]:
        """Return a page of what became of the files of a job, by URI."""
        request = pb.ListJobFilesRequest(
            parent=str(name), page_size=page_size, page_token=page_token, states=map(FILE_STATE.to_proto, states)
        )
        response = await self._stub.ListJobFiles(request)
        return Page(tuple(map(job_file_from_proto, response.job_files)), response.next_page_token)
