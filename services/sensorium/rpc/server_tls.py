"""TLS for servers: what they show and ask for, taken from files that may be replaced while they serve."""

from pathlib import Path

import grpc
import structlog

from sensorium.errors import FailedPrecondition
from sensorium.rpc.pem import content, written

ServerCredentials = grpc.ServerCredentials

_log = structlog.get_logger(__name__)


def server_credentials(certificate: Path, key: Path, ca: Path | None) -> grpc.ServerCredentials:
    """Return the credentials of a server.

    The files are looked at whenever somebody connects, so that new ones need no restart; what cannot be read then
    leaves the last ones in use.

    Args:
        certificate: The server's certificate and those between it and its root.
        key: Its key.
        ca: The roots of the certificate that a client must show; None asks for none.

    Raises:
        FailedPrecondition: FILE_UNUSABLE: one of them cannot be read.
    """
    files = _Files(certificate, key, ca)
    return grpc.dynamic_ssl_server_credentials(
        files.read(),
        files.changed,  # type: ignore[arg-type]  # None means no change, which the stubs leave out.
        require_client_authentication=bool(ca),
    )


class _Files:
    """The files of a server, and when those in use were written."""

    def __init__(self, certificate: Path, key: Path, ca: Path | None) -> None:
        self._certificate = certificate
        self._key = key
        self._ca = ca
        self._written: tuple[int, ...] = ()

    def read(self) -> grpc.ServerCertificateConfiguration:
        """Return what is in them. Raises FailedPrecondition."""
        times = self._times()
        pair = (content(self._key) or b"", content(self._certificate) or b"")
        configuration = grpc.ssl_server_certificate_configuration([pair], content(self._ca))
        self._written = times
        return configuration

    def changed(self) -> grpc.ServerCertificateConfiguration | None:
        """Return what is in them if they were written since they were read; called in a thread of gRPC."""
        try:
            return None if self._times() == self._written else self.read()
        except FailedPrecondition as error:
            _log.error("certificate_unreadable", error=error.message)
            return None

    def _times(self) -> tuple[int, ...]:
        return tuple(written(file) for file in (self._certificate, self._key, self._ca))
