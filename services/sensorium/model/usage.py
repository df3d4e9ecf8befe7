"""What keys have consumed of which models, and how that is asked for."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sensorium.errors import InvalidArgument
from sensorium.model.embedding import Usage
from sensorium.model.names import check_id, parse_workspace

ANY_WORKSPACE = "-"


class UsagePeriod(StrEnum):
    """Into which periods counts are added up; hours and days are those of UTC."""

    WHOLE = "whole"
    HOUR = "hour"
    DAY = "day"


@dataclass(frozen=True, slots=True)
class UsageQuery:
    """What of all usage is asked for.

    Attributes:
        workspace: The only one that counts; `-` for all.
        key_id: The only key that counts; None for all, empty for what nobody showed a key for.
        model: The only model that counts; empty for all.
        start: Hours from this moment on count; None for all.
        end: Hours that begin before this moment count; None for all.
        period: Into which periods counts are added up.

    Raises:
        InvalidArgument: The workspace is no id, or the end is not after the start.
    """

    workspace: str = ANY_WORKSPACE
    key_id: str | None = None
    model: str = ""
    start: datetime | None = None
    end: datetime | None = None
    period: UsagePeriod = UsagePeriod.WHOLE

    def __post_init__(self) -> None:
        if self.workspace != ANY_WORKSPACE:
            check_id(self.workspace, "workspace")
        if self.start and self.end and self.end <= self.start:
            raise InvalidArgument("end_time: is not after start_time", field="end_time")


@dataclass(frozen=True, slots=True)
class UsageRecord:
    """What one key consumed of one model in one period.

    Attributes:
        workspace: Whom it worked for.
        key_id: Whose it is; empty for callers who needed none, and for the mesh's own work.
        model: What was called.
        start: When the period begins; of `UsagePeriod.WHOLE`, the hour of the first call.
        call_count: Calls that were answered.
        usage: What they consumed.
    """

    workspace: str
    key_id: str
    model: str
    start: datetime
    call_count: int
    usage: Usage


def parse_workspaces(parent: str) -> str:
    """Read `workspaces/{workspace}`, or `workspaces/-` for all; empty means the default workspace."""
    return ANY_WORKSPACE if parent == f"workspaces/{ANY_WORKSPACE}" else parse_workspace(parent)
