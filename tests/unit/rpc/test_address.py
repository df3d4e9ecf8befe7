"""How the addresses that servers listen on are reached."""

import pytest

from sensorium.rpc.address import local_address


@pytest.mark.parametrize(
    ("host", "reached"),
    [
        ("0.0.0.0", "127.0.0.1:1"),
        ("::", "[::1]:1"),
        ("192.0.2.1", "192.0.2.1:1"),
        ("localhost", "localhost:1"),
        ("::1", "[::1]:1"),
    ],
)
def test_what_listens_everywhere_is_reached_on_loopback(host: str, reached: str) -> None:
    assert local_address(host, 1) == reached
