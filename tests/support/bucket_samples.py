"""Buckets that speak the S3 protocol, for tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from dataset_samples import SECRET
from moto.server import ThreadedMotoServer

from sensorium.model.connection import ConnectionKind, ConnectionSpec


@contextmanager
def bucket(name: str) -> Iterator[str]:
    """Serve an empty bucket that speaks the S3 protocol; the body is given the endpoint."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        endpoint = f"http://{host}:{port}"
        s3_client(endpoint).create_bucket(Bucket=name)
        yield endpoint
    finally:
        server.stop()


def s3_client(endpoint: str) -> Any:
    return boto3.client(
        "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
    )


def s3_connection(endpoint: str, name: str) -> ConnectionSpec:
    return ConnectionSpec(
        ConnectionKind.S3,
        configs={"bucket": name, "endpoint": endpoint},
        secrets={"access_key_id": "a", "secret_access_key": SECRET},
    )


def oss_connection(endpoint: str, name: str) -> ConnectionSpec:
    """OSS names buckets in the host; a server on loopback needs them in the path."""
    return ConnectionSpec(
        ConnectionKind.OSS,
        configs={"bucket": name, "endpoint": endpoint, "addressing": "path"},
        secrets={"access_key_id": "a", "access_key_secret": SECRET},
    )
