"""Two gateways, processes of their own over one data directory, give a key its rate once."""

import http
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from role_processes import RoleProcesses, role_processes, wait_serving
from stand_in_process import stand_in_triton

from sensorium.gateway.keys.store import STORE_FILE, KeyStore
from sensorium.model.access import KeyRole
from sensorium.model.key import KeySpec

PER_MINUTE = 30


def passes(address: str, secret: str) -> bool:
    """Make one call over HTTP, which nobody repeats, and return whether it passed."""
    headers = {"authorization": f"Bearer {secret}"}
    asked = urllib.request.Request(f"http://{address}/v1/embeddings", b'{"input": "a red bicycle"}', headers)
    try:
        urllib.request.urlopen(asked, timeout=30).close()
    except urllib.error.HTTPError as refused:
        refused.close()
        if refused.code != http.HTTPStatus.TOO_MANY_REQUESTS:
            raise
        return False
    return True


@pytest.mark.slow
def test_the_sum_over_two_gateways_stays_within_the_rate_of_the_key(tmp_path: Path) -> None:
    with KeyStore(tmp_path / "shared" / STORE_FILE) as store:
        _, secret = store.create(KeySpec("kiosk", KeyRole.READ, requests_per_minute=PER_MINUTE))
    with stand_in_triton(1_000_000) as triton, role_processes(tmp_path, triton.address) as roles:
        both = started(roles, tmp_path / "shared")
        began, count = time.monotonic(), 0
        while count < PER_MINUTE:
            count += sum(passes(address, secret.text) for address in both)
        count += sum(passes(address, secret.text) for address in both * 30)
        came = PER_MINUTE * (1 + (time.monotonic() - began) / 60)
    assert count <= came + 1


def started(roles: RoleProcesses, shared: Path) -> list[str]:
    """Start a mesh of two gateways that know of each other, and return their addresses."""
    wait_serving([roles.start(role, role) for role in ("embed", "search")])
    there = roles.targets("embed", "search")
    wait_serving([roles.start("tag", "tag", **there)])
    there |= {**roles.targets("tag"), "SENSORIUM_DATA_DIR": str(shared)}
    gateways = [roles.start(f"gateway{number}", "gateway", **there) for number in (1, 2)]
    wait_serving(gateways)
    return [gateway.http_address for gateway in gateways]
