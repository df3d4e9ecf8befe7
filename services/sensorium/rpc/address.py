"""Which addresses may be listened on: nothing but loopback unless somebody asked for more by name."""

import ipaddress

from sensorium.errors import FailedPrecondition, Reason


def check_bindable(host: str, *, allow_public: bool, section: str) -> None:
    """Raise FailedPrecondition when `host` may be reached from outside and `allow_public` is false.

    Args:
        host: An address or a name; of names, `localhost` alone is known to be loopback.
        allow_public: The setting that permits it.
        section: The settings that `host` is from (`grpc`), for the message.
    """
    if allow_public or is_loopback(host):
        return
    setting = f"SENSORIUM_{section.upper()}__ALLOW_PUBLIC=true"
    message = f"listening on {host} would let anybody call without a key; set {setting} if a firewall keeps them out"
    raise FailedPrecondition(message, reason=Reason.FIELD_INVALID, field=f"{section}.host")


def is_loopback(host: str) -> bool:
    """Return whether `host` is this machine's own address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def join(host: str, port: int) -> str:
    """Return `host:port`, an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def taken(host: str, port: int, section: str) -> FailedPrecondition:
    """Return the error for an address that cannot be listened on."""
    setting = f"SENSORIUM_{section.upper()}__PORT"
    message = f"cannot listen on {join(host, port)}: it is taken, or no address of this machine; {setting} sets another"
    return FailedPrecondition(message, reason=Reason.FIELD_INVALID, field=f"{section}.port")
