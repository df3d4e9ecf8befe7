"""Which addresses may be listened on: nothing but loopback while anybody may call."""

import ipaddress

from sensorium.errors import FailedPrecondition, Reason


def check_bindable(host: str, *, allowed: bool, section: str, remedy: str) -> None:
    """Raise FailedPrecondition when `host` may be reached from outside and that is not allowed.

    Args:
        host: An address or a name; of names, `localhost` alone is known to be loopback.
        allowed: Whether it may.
        section: The settings that `host` is from (`grpc`), for the message.
        remedy: What somebody may do so that it is allowed, for the message.
    """
    if allowed or is_loopback(host):
        return
    message = f"listening on {host} would let anybody call: {remedy}"
    raise FailedPrecondition(message, reason=Reason.FIELD_INVALID, field=f"{section}.host")


def is_loopback(host: str) -> bool:
    """Return whether `host` is this machine's own address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def local_address(host: str, port: int) -> str:
    """Return `host:port` at which this machine itself reaches what listens on `host`, all of its addresses included."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return join(host, port)
    if address.is_unspecified:
        return join("127.0.0.1" if address.version == 4 else "::1", port)
    return join(host, port)


def join(host: str, port: int) -> str:
    """Return `host:port`, an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def taken(host: str, port: int, section: str) -> FailedPrecondition:
    """Return the error for an address that cannot be listened on."""
    setting = f"SENSORIUM_{section.upper()}__PORT"
    message = f"cannot listen on {join(host, port)}: it is taken, or no address of this machine; {setting} sets another"
    return FailedPrecondition(message, reason=Reason.FIELD_INVALID, field=f"{section}.port")
