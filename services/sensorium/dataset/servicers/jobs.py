"""The methods of DatasetService for jobs."""

from collections.abc import AsyncIterator
from typing import Any

import grpc

from sensorium.dataset_ports import Jobs
from sensorium.errors import InvalidArgument
from sensorium.model.dataset_names import DatasetName, JobName
from sensorium.rpc.codec.dataset_job import (
    FILE_STATE,
    STATE,
    job_file_to_proto,
    job_to_proto,
    spec_from_proto,
)
from sensorium.v1 import dataset_service_pb2 as pb
from sensorium.v1.dataset_service_pb2_grpc import DatasetServiceServicer

Context = grpc.aio.ServicerContext[Any, Any]


class JobMethods(DatasetServiceServicer):
    """Serves `jobs`."""

    jobs: Jobs

    async def GetDatasetJob(self, request: pb.GetDatasetJobRequest, context: Context) -> pb.GetDatasetJobResponse:  # noqa: N802, ARG002
        """Return one job."""
        return pb.GetDatasetJobResponse(job=job_to_proto(await self.jobs.get_job(JobName.parse(request.name))))

    async def ListDatasetJobs(  # noqa: N802
        self,
        request: pb.ListDatasetJobsRequest,
        context: Context,  # noqa: ARG002
    ) -> pb.ListDatasetJobsResponse:
        """Return a page of jobs, without logs."""
        dataset = DatasetName.parse(request.parent, "parent", any_allowed=True)
        states = [STATE.from_proto(state, f"states[{place}]") for place, state in enumerate(request.states)]
        page = await self.jobs.list_jobs(dataset, request.page_size, request.page_token, states)
        messages = [job_to_proto(each) for each in page.items]
        for message in messages:
            message.ClearField("logs")
        return pb.ListDatasetJobsResponse(jobs=messages, next_page_token=page.next_page_token)

    async def CreateDatasetJob(  # noqa: N802
        self,
        request: pb.CreateDatasetJobRequest,
        context: Context,  # noqa: ARG002
    ) -> pb.CreateDatasetJobResponse:
        """Start a job, or estimate it."""
        dataset = DatasetName.parse(request.parent, "parent")
        spec = spec_from_proto(request.job)
        if spec.version.dataset != dataset:
            raise InvalidArgument(f"job.version: {spec.version} is not of {dataset}", field="job.version")
        made = await self.jobs.create_job(spec, request_id=request.request_id, dry_run=request.dry_run)
        return pb.CreateDatasetJobResponse(job=job_to_proto(made))

    async def UpdateDatasetJob(  # noqa: N802
        self,
        request: pb.UpdateDatasetJobRequest,
        context: Context,  # noqa: ARG002
    ) -> pb.UpdateDatasetJobResponse:
        """Change a job."""
        job, known = request.job, ("description", "concurrency")
        paths = request.update_mask.paths or [name for name in known if getattr(job, name)]
        if unknown := [path for path in paths if path not in known]:
            message = f"update_mask: {unknown[0]!r} is not one of {', '.join(known)}"
            raise InvalidArgument(message, field="update_mask")
        changed = await self.jobs.update_job(
            JobName.parse(job.name, "job.name"),
            description=job.description if "description" in paths else None,
            concurrency=job.concurrency if "concurrency" in paths else None,
        )
        return pb.UpdateDatasetJobResponse(job=job_to_proto(changed))

    async def DeleteDatasetJob(  # noqa: N802
        self,
        request: pb.DeleteDatasetJobRequest,
        context: Context,  # noqa: ARG002
    ) -> pb.DeleteDatasetJobResponse:
        """Delete a job."""
        await self.jobs.delete_job(JobName.parse(request.name))
        return pb.DeleteDatasetJobResponse()

    async def PauseDatasetJob(  # noqa: N802
        self,
        request: pb.PauseDatasetJobRequest,
        context: Context,  # noqa: ARG002
    ) -> pb.PauseDatasetJobResponse:
        """Let a job rest."""
        return pb.PauseDatasetJobResponse(job=job_to_proto(await self.jobs.pause_job(JobName.parse(request.name))))

    async def ResumeDatasetJob(  # noqa: N802
        self,
        request: pb.ResumeDatasetJobRequest,
        context: Context,  # noqa: ARG002
    ) -> pb.ResumeDatasetJobResponse:
        """Let a paused job go on."""
        return pb.ResumeDatasetJobResponse(job=job_to_proto(await self.jobs.resume_job(JobName.parse(request.name))))

    async def CancelDatasetJob(  # noqa: N802
        self,
        request: pb.CancelDatasetJobRequest,
        context: Context,  # noqa: ARG002
    ) -> pb.CancelDatasetJobResponse:
        """Stop a job for good."""
        return pb.CancelDatasetJobResponse(job=job_to_proto(await self.jobs.cancel_job(JobName.parse(request.name))))

    async def RetryDatasetJob(  # noqa: N802
        self,
        request: pb.RetryDatasetJobRequest,
        context: Context,  # noqa: ARG002
    ) -> pb.RetryDatasetJobResponse:
        """Work on the failed files again."""
        return pb.RetryDatasetJobResponse(job=job_to_proto(await self.jobs.retry_job(JobName.parse(request.name))))

    async def WatchDatasetJob(  # noqa: N802
        self,
        request: pb.WatchDatasetJobRequest,
        context: Context,  # noqa: ARG002
    ) -> AsyncIterator[pb.WatchDatasetJobResponse]:
        """Send a job whenever it changes."""
        async for job in self.jobs.watch_job(JobName.parse(request.name)):
            yield pb.WatchDatasetJobResponse(job=job_to_proto(job))

    async def ListJobFiles(self, request: pb.ListJobFilesRequest, context: Context) -> pb.ListJobFilesResponse:  # noqa: N802, ARG002
        """Return a page of a ledger."""
        name = JobName.parse(request.parent, "parent")
        states = [FILE_STATE.from_proto(state, f"states[{place}]") for place, state in enumerate(request.states)]
        page = await self.jobs.list_job_files(name, request.page_size, request.page_token, states)
        return pb.ListJobFilesResponse(
            job_files=map(job_file_to_proto, page.items), next_page_token=page.next_page_token
        )
