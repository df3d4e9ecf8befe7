"""TLS for channels: what a caller trusts, and what it shows."""

from pathlib import Path

import grpc

from sensorium.rpc.pem import content


def channel_credentials(
    ca: Path | None = None, certificate: Path | None = None, key: Path | None = None
) -> grpc.ChannelCredentials:
    """Return the credentials of a channel; the files are read here and never again.

    Args:
        ca: The roots of the server's certificate; None takes those that gRPC brings.
        certificate: What to show the server; None shows nothing.
        key: The key of `certificate`.

    Raises:
        FailedPrecondition: FILE_UNUSABLE: one of them cannot be read.
    """
    return grpc.ssl_channel_credentials(content(ca), content(key), content(certificate))
