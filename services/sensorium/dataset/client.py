"""The dataset service of another process, behind the same ports as the one in this process."""

from sensorium.dataset.clients.connections import ConnectionClient
from sensorium.dataset.clients.datasets import DatasetClient
from sensorium.dataset.clients.file_batches import FileBatchClient
from sensorium.dataset.clients.files import FileClient, ThumbnailClient
from sensorium.dataset.clients.jobs import JobClient
from sensorium.dataset.clients.objects import ObjectClient
from sensorium.dataset.clients.searches import FileSearchClient
from sensorium.dataset_ports import DatasetPorts
from sensorium.rpc.channel import Channel

# Methods that may be repeated when the service is away, for the channel factory. Creations and updates carry a request
# id, the same for all repeats of a call; the repeat of a deletion that succeeded would report an error.
REPEATABLE = {
    "sensorium.v1.DatasetService": (
        "GetDataset",
        "ListDatasets",
        "CreateDataset",
        "UpdateDataset",
        "GetDatasetVersion",
        "ListDatasetVersions",
        "CreateDatasetVersion",
        "UpdateDatasetVersion",
        "PublishDatasetVersion",
        "CompareDatasetVersions",
        "GetConnection",
        "ListConnections",
        "CreateConnection",
        "UpdateConnection",
        "ValidateConnection",
        "GetFile",
        "ListFiles",
        "ListFileIds",
        "GetThumbnail",
        "GetFileStatistics",
        "SearchFiles",
        "ExplainSearchFiles",
        "ListNearDuplicates",
        "BatchCreateFiles",
        "BatchUpdateFiles",
        "BatchDeleteFiles",
        "EditTags",
        "ListTagEdits",
        "GetDatasetJob",
        "ListDatasetJobs",
        "CreateDatasetJob",
        "UpdateDatasetJob",
        "ListJobFiles",
    )
}


def dataset_clients(channel: Channel) -> DatasetPorts:
    """Return the ports over a channel of `rpc.channel`."""
    return DatasetPorts(
        DatasetClient(channel),
        ConnectionClient(channel),
        FileClient(channel),
        JobClient(channel),
        FileSearchClient(channel),
        FileBatchClient(channel),
        ThumbnailClient(channel),
        ObjectClient(channel),
    )
