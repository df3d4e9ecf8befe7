"""DatasetService over gRPC: the methods of every noun together."""

from sensorium.dataset.servicers.connections import ConnectionMethods
from sensorium.dataset.servicers.datasets import DatasetMethods
from sensorium.dataset.servicers.file_batches import FileBatchMethods
from sensorium.dataset.servicers.files import FileMethods
from sensorium.dataset.servicers.jobs import JobMethods
from sensorium.dataset.servicers.objects import ObjectMethods
from sensorium.dataset.servicers.searches import SearchMethods
from sensorium.dataset_ports import DatasetPorts


class DatasetServicer(
    DatasetMethods, ConnectionMethods, ObjectMethods, FileMethods, FileBatchMethods, JobMethods, SearchMethods
):
    """Serves the ports of the dataset service; what is not built yet is left to the generated base class."""

    def __init__(self, ports: DatasetPorts) -> None:
        self.datasets = ports.datasets
        self.connections = ports.connections
        self.files = ports.files
        self.jobs = ports.jobs
        self.file_batches = ports.file_batches
        self.thumbnails = ports.thumbnails
        self.searches = ports.searches
        self.objects = ports.objects
