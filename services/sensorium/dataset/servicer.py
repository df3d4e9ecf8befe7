"""DatasetService over gRPC."""

from sensorium.v1.dataset_service_pb2_grpc import DatasetServiceServicer


class DatasetServicer(DatasetServiceServicer):
    """Serves datasets; what is not built yet is left to the generated base class."""
