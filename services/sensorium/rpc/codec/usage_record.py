"""Usage by key and model on the wire."""

from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from sensorium.errors import InvalidArgument
from sensorium.model.usage import UsagePeriod, UsageQuery, UsageRecord, parse_workspaces
from sensorium.rpc.codec.collection import moment_from_proto, moment_to_proto
from sensorium.rpc.codec.enums import EnumTable
from sensorium.rpc.codec.usage import usage_from_proto, usage_to_proto
from sensorium.v1 import usage_service_pb2 as pb

PERIOD = EnumTable(
    {
        UsagePeriod.WHOLE: pb.ListUsageRequest.PERIOD_WHOLE,
        UsagePeriod.HOUR: pb.ListUsageRequest.PERIOD_HOUR,
        UsagePeriod.DAY: pb.ListUsageRequest.PERIOD_DAY,
    },
    unspecified=UsagePeriod.WHOLE,
)


def query_from_proto(request: pb.ListUsageRequest) -> UsageQuery:
    """Return what the message asks for. Raises InvalidArgument."""
    return UsageQuery(
        workspace=parse_workspaces(request.parent),
        key_id=request.key_id if request.HasField("key_id") else None,
        model=request.model,
        start=_moment(request.start_time, "start_time") if request.HasField("start_time") else None,
        end=_moment(request.end_time, "end_time") if request.HasField("end_time") else None,
        period=PERIOD.from_proto(request.period, "period"),
    )


def query_to_proto(query: UsageQuery, page_size: int, page_token: str) -> pb.ListUsageRequest:
    """Return the message for a page of `query`."""
    return pb.ListUsageRequest(
        parent=f"workspaces/{query.workspace}",
        key_id=query.key_id,
        model=query.model,
        start_time=moment_to_proto(query.start) if query.start else None,
        end_time=moment_to_proto(query.end) if query.end else None,
        period=PERIOD.to_proto(query.period),
        page_size=page_size,
        page_token=page_token,
    )


def record_from_proto(record: pb.UsageRecord) -> UsageRecord:
    """Return the record that the message holds. Raises InvalidArgument for an unknown modality."""
    return UsageRecord(
        workspace=record.workspace,
        key_id=record.key_id,
        model=record.model,
        start=moment_from_proto(record.start_time),
        call_count=record.call_count,
        usage=usage_from_proto(record.usage),
    )


def record_to_proto(record: UsageRecord) -> pb.UsageRecord:
    """Return the message for `record`."""
    return pb.UsageRecord(
        workspace=record.workspace,
        key_id=record.key_id,
        model=record.model,
        start_time=moment_to_proto(record.start),
        call_count=record.call_count,
        usage=usage_to_proto(record.usage),
    )


def _moment(moment: Timestamp, field: str) -> datetime:
    try:
        return moment_from_proto(moment)
    except (ValueError, OverflowError):
        raise InvalidArgument(f"{field}: the time lies outside the years 1 to 9999", field=field) from None
