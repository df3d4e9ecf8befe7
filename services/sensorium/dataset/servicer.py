"""DatasetService over gRPC: the methods of every noun together."""

from sensorium.dataset.servicers.connections import ConnectionMethods
from sensorium.dataset.servicers.datasets import DatasetMethods
from sensorium.dataset_ports import DatasetPorts


class DatasetServicer(DatasetMethods, ConnectionMethods):
    """Serves the ports of the dataset service; what is not built yet is left to the generated base class."""

    def __init__(self, ports: DatasetPorts) -> None:
        self.datasets = ports.datasets
        self.connections = ports.connections
