"""Jobs of datasets on the wire."""

from dataclasses import asdict, fields

from sensorium.errors import InvalidArgument, Unimplemented
from sensorium.model.dataset_export import ExportWork, ImportExportWork
from sensorium.model.dataset_job import (
    ImportWork,
    IndexWork,
    Job,
    JobFile,
    JobFileState,
    JobMode,
    JobPlan,
    JobSpec,
    JobState,
    ReconcileWork,
    RevertTagsWork,
    TagWork,
    Work,
)
from sensorium.model.dataset_names import ConnectionName, JobName, VersionName
from sensorium.model.names import TagDefinitionName
from sensorium.rpc.codec.collection import moment_from_proto, moment_to_proto
from sensorium.rpc.codec.dataset import holdable
from sensorium.rpc.codec.dataset_export import (
    export_from_proto,
    export_to_proto,
    import_export_from_proto,
    import_export_to_proto,
)
from sensorium.rpc.codec.dataset_file import selection_from_proto, selection_to_proto
from sensorium.rpc.codec.enums import EnumTable
from sensorium.rpc.status import from_status, to_status
from sensorium.v1 import dataset_service_pb2 as pb

MODE = EnumTable(
    {JobMode.FULL: pb.DatasetJob.MODE_FULL, JobMode.INCREMENTAL: pb.DatasetJob.MODE_INCREMENTAL},
    unspecified=JobMode.FULL,
)
STATE = EnumTable(
    {
        JobState.PENDING: pb.DatasetJob.STATE_PENDING,
        JobState.RUNNING: pb.DatasetJob.STATE_RUNNING,
        JobState.SUCCEEDED: pb.DatasetJob.STATE_SUCCEEDED,
        JobState.FAILED: pb.DatasetJob.STATE_FAILED,
        JobState.PARTIAL_FAILED: pb.DatasetJob.STATE_PARTIAL_FAILED,
        JobState.MANUALLY_STOPPED: pb.DatasetJob.STATE_MANUALLY_STOPPED,
        JobState.DELETING: pb.DatasetJob.STATE_DELETING,
        JobState.PAUSED: pb.DatasetJob.STATE_PAUSED,
    }
)
FILE_STATE = EnumTable(
    {
        JobFileState.PENDING: pb.JobFile.STATE_PENDING,
        JobFileState.RUNNING: pb.JobFile.STATE_RUNNING,
        JobFileState.SUCCEEDED: pb.JobFile.STATE_SUCCEEDED,
        JobFileState.FAILED: pb.JobFile.STATE_FAILED,
        JobFileState.SKIPPED: pb.JobFile.STATE_SKIPPED,
    }
)


def spec_from_proto(job: pb.DatasetJob) -> JobSpec:
    """Return what a caller asks a job to be.

    Raises:
        InvalidArgument: A name or an enum has no meaning, or no work is set.
        Unimplemented: The work is not built yet.
    """
    version = VersionName.parse(job.version, "job.version")
    mode = MODE.from_proto(job.mode, "job.mode")
    return JobSpec(version, _work_from_proto(job, version), job.description, mode, job.concurrency)


def spec_to_proto(spec: JobSpec) -> pb.DatasetJob:
    """Return the message for `spec`. Raises InvalidArgument for what a message cannot hold."""
    with holdable("job"):
        message = pb.DatasetJob(
            version=str(spec.version),
            description=spec.description,
            mode=MODE.to_proto(spec.mode),
            concurrency=spec.concurrency,
        )
        _work_to_proto(spec.work, spec.version, message)
    return message


def job_from_proto(job: pb.DatasetJob) -> Job:
    """Return the job that the message holds."""
    return Job(
        JobName.parse(job.name),
        spec_from_proto(job),
        STATE.from_proto(job.state, "job.state"),
        moment_from_proto(job.create_time),
        job.total_count,
        job.succeeded_count,
        job.failed_count,
        job.skipped_count,
        job.rate,
        job.remaining_ms if job.HasField("remaining_ms") else None,
        from_status(job.error) if job.HasField("error") else None,
        tuple(job.logs),
        moment_from_proto(job.start_time) if job.HasField("start_time") else None,
        moment_from_proto(job.end_time) if job.HasField("end_time") else None,
        _plan_from_proto(job.plan) if job.HasField("plan") else None,
    )


def job_to_proto(job: Job) -> pb.DatasetJob:
    """Return the message for `job`."""
    message = spec_to_proto(job.spec)
    message.MergeFrom(
        pb.DatasetJob(
            name=str(job.name),
            state=STATE.to_proto(job.state),
            total_count=job.total_count,
            succeeded_count=job.succeeded_count,
            failed_count=job.failed_count,
            skipped_count=job.skipped_count,
            rate=job.rate,
            remaining_ms=job.remaining_ms,
            error=to_status(job.error) if job.error else None,
            logs=job.logs,
            create_time=moment_to_proto(job.create_time),
            start_time=moment_to_proto(job.start_time) if job.start_time else None,
            end_time=moment_to_proto(job.end_time) if job.end_time else None,
            plan=_plan_to_proto(job.plan) if job.plan else None,
        )
    )
    return message


def _plan_from_proto(plan: pb.DatasetJobPlan) -> JobPlan:
    return JobPlan(*(getattr(plan, each.name) for each in fields(JobPlan)))


def _plan_to_proto(plan: JobPlan) -> pb.DatasetJobPlan:
    return pb.DatasetJobPlan(**asdict(plan))


def job_file_from_proto(entry: pb.JobFile) -> JobFile:
    """Return the entry of a ledger that the message holds."""
    return JobFile(
        entry.uri,
        FILE_STATE.from_proto(entry.state, "state"),
        entry.attempt_count,
        from_status(entry.error) if entry.HasField("error") else None,
        moment_from_proto(entry.end_time) if entry.HasField("end_time") else None,
    )


def job_file_to_proto(entry: JobFile) -> pb.JobFile:
    """Return the message for an entry of a ledger."""
    return pb.JobFile(
        uri=entry.uri,
        state=FILE_STATE.to_proto(entry.state),
        attempt_count=entry.attempt_count,
        error=to_status(entry.error) if entry.error else None,
        end_time=moment_to_proto(entry.end_time) if entry.end_time else None,
    )


def _work_from_proto(job: pb.DatasetJob, version: VersionName) -> Work:  # noqa: PLR0911  # One for each kind.
    match job.WhichOneof("work"):
        case "import":
            work: pb.ImportWork = getattr(job, "import")
            return ImportWork(
                work.prefix, tuple(work.include), tuple(work.exclude), work.keep_vanished, work.without_media_info
            )
        case "tag":
            definition = TagDefinitionName.parse(job.tag.tag_definition, "job.tag.tag_definition")
            selection = selection_from_proto(job.tag.selection, version, "job.tag.selection")
            connection = _connection(job.tag.connection, "job.tag.connection")
            return TagWork(definition, job.tag.definition_version, selection, connection, job.tag.model)
        case "index":
            return _index_from_proto(job.index, version)
        case "revert_tags":
            return RevertTagsWork(JobName.parse(job.revert_tags.job, "job.revert_tags.job"))
        case "export":
            return export_from_proto(job.export, version)
        case "import_export":
            return import_export_from_proto(job.import_export)
        case "reconcile":
            return ReconcileWork()
        case None:
            raise InvalidArgument("job.work: the work must be set", field="job.work")
        case unknown:
            raise Unimplemented(f"job.{unknown}: this release knows no such work")


def _index_from_proto(index: pb.IndexWork, version: VersionName) -> IndexWork:
    if index.table:
        field = "job.index.table"
        raise Unimplemented(f"{field}: the embedded engine makes its own: see docs/roadmap.md", field=field)
    return IndexWork(
        index.model,
        selection_from_proto(index.selection, version, "job.index.selection"),
        _connection(index.model_connection, "job.index.model_connection"),
        _connection(index.database_connection, "job.index.database_connection"),
    )


def _connection(name: str, field: str) -> ConnectionName | None:
    return ConnectionName.parse(name, field) if name else None


def _work_to_proto(work: Work, version: VersionName, message: pb.DatasetJob) -> None:
    match work:
        case ImportWork():
            mine: pb.ImportWork = getattr(message, "import")
            mine.CopyFrom(
                pb.ImportWork(
                    prefix=work.prefix,
                    include=work.include,
                    exclude=work.exclude,
                    keep_vanished=work.keep_vanished,
                    without_media_info=work.without_media_info,
                )
            )
            mine.SetInParent()
        case TagWork(definition, number, selection, connection, model):
            message.tag.tag_definition = str(definition)
            message.tag.definition_version = number
            message.tag.selection.CopyFrom(selection_to_proto(selection, version))
            message.tag.connection = str(connection or "")
            message.tag.model = model
        case IndexWork(model, selection, connection, database):
            message.index.model = model
            message.index.selection.CopyFrom(selection_to_proto(selection, version))
            message.index.model_connection = str(connection or "")
            message.index.database_connection = str(database or "")
        case RevertTagsWork(job):
            message.revert_tags.job = str(job)
        case ExportWork():
            message.export.CopyFrom(export_to_proto(work, version))
        case ReconcileWork():
            message.reconcile.SetInParent()
        case ImportExportWork():
            message.import_export.CopyFrom(import_export_to_proto(work))
