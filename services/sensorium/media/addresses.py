"""Which network addresses belong to the public internet."""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: the last 32 bits are an IPv4 address
_GLOBAL_UNICAST = IPv6Network("2000::/3")


def is_public(address: str) -> bool:
    """Return whether a numeric address is one that anybody may reach.

    Private, loopback, link-local, shared, multicast, reserved and documentation addresses are not, nor are IPv6
    addresses that stand for an IPv4 address (mapped, compatible, 6to4, Teredo), but for those of NAT64, which are
    public when that address is.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    match parsed:
        case IPv4Address():
            return _is_public_v4(parsed)
        case IPv6Address() if parsed in _NAT64:
            return _is_public_v4(IPv4Address(int(parsed) & 0xFFFF_FFFF))
        case IPv6Address():
            tunnelled = parsed.sixtofour is not None or parsed.teredo is not None
            return parsed in _GLOBAL_UNICAST and parsed.is_global and not parsed.is_multicast and not tunnelled


def _is_public_v4(address: IPv4Address) -> bool:
    return address.is_global and not (address.is_multicast or address.is_reserved)
