"""The choices that options offer, as the domain names them; apart from it, because `--help` must not load numpy."""

from enum import StrEnum


class DTypeName(StrEnum):
    """How components travel (sensorium.model.vector.DType)."""

    FLOAT32 = "float32"
    FLOAT16 = "float16"
    INT8 = "int8"
    BINARY = "binary"


class TruncationName(StrEnum):
    """What happens to what is longer than a model takes (sensorium.model.embedding.Truncation)."""

    END = "end"
    REFUSE = "refuse"


class OutputName(StrEnum):
    """The kinds of vectors (sensorium.model.embedding.OutputKind)."""

    DENSE = "dense"
    SPARSE = "sparse"
    MULTI = "multi"


class FusionName(StrEnum):
    """How several parts become one vector (sensorium.model.embedding.Fusion)."""

    JOINT = "joint"
    AVERAGE = "average"


class RoleName(StrEnum):
    """What texts are for (sensorium.model.embedding.EmbedRole)."""

    QUERY = "query"
    DOCUMENT = "document"


class MetricName(StrEnum):
    """How vectors are compared (sensorium.model.vector.Metric)."""

    COSINE = "cosine"
    DOT = "dot"
    EUCLIDEAN = "euclidean"


class EditionName(StrEnum):
    """What a dataset can do (sensorium.model.dataset.Edition), in lower case as all choices are."""

    BASIC = "basic"
    ADVANCED = "advanced"
    LOGICAL = "logical"


class ExportFormatName(StrEnum):
    """How an export is written (sensorium.model.dataset_export.ExportFormat)."""

    JSONL = "jsonl"
    PARQUET = "parquet"
    WEBDATASET = "webdataset"
    COCO = "coco"
    HUGGING_FACE = "hugging_face"


class TagGroupName(StrEnum):
    """Which tags go along with records (sensorium.model.dataset_export.TagGroup)."""

    ALGORITHM = "algorithm"
    USER = "user"


class JobStateName(StrEnum):
    """Where a job stands (sensorium.model.dataset_job.JobState)."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    PARTIAL_FAILED = "PartialFailed"
    MANUALLY_STOPPED = "ManuallyStop"
    DELETING = "Deleting"
    PAUSED = "Paused"


class RoleOfProcess(StrEnum):
    """Which services a process runs (sensorium.settings.Role)."""

    ALL = "all"
    GATEWAY = "gateway"
    EMBED = "embed"
    SEARCH = "search"
    TAG = "tag"
    TRITON = "triton"
    DATASET = "dataset"


class UsagePeriodName(StrEnum):
    """Into which periods usage is added up (sensorium.model.usage.UsagePeriod)."""

    WHOLE = "whole"
    HOUR = "hour"
    DAY = "day"


class KeyRoleName(StrEnum):
    """What a key may do (sensorium.model.access.KeyRole)."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"
