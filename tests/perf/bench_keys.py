"""Measures what keys cost a call: `python tests/perf/bench_keys.py` prints microseconds for each kind of key.

A call passes a door with the guard of a gateway, and one that lets everybody in; the difference is the cost.
"""

import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from key_ring import Keys, ring_over

from sensorium.context import CallContext
from sensorium.gateway.keys.guard import KeyGuard
from sensorium.gateway.keys.permissions import RULES
from sensorium.gateway.keys.store import STORE_FILE, KeyStore
from sensorium.model.access import KeyRole
from sensorium.ports import Guard
from sensorium.rpc.interceptors.door import Door
from sensorium.rpc.role_guard import OPEN
from sensorium.v1.search_service_pb2 import SearchRequest, SearchResponse
from sensorium.v1.types_pb2 import Usage

METHOD = "/sensorium.v1.SearchService/Search"
ROUNDS = 20_000
REQUEST = SearchRequest(parent="workspaces/default/collections/garage").SerializeToString()
RESPONSE = SearchResponse(usage=Usage(token_count=8))


async def answer(raw: Any, _rpc: Any, decode: Any, encode: Any) -> bytes:
    decode(raw)
    return bytes(encode(RESPONSE))


async def microseconds(guard: Guard, headers: dict[str, str]) -> float:
    """Return the least time of a call among five runs."""
    door = Door(guard, RULES[METHOD], answer, SearchRequest.FromString, SearchResponse.SerializeToString)
    return min([await _run(door, headers) for _ in range(5)])


async def _run(door: Door, headers: dict[str, str]) -> float:
    start = time.perf_counter()
    for _ in range(ROUNDS):
        await door.admit(headers, CallContext("x")).answer(REQUEST, None)
    return (time.perf_counter() - start) / ROUNDS * 1e6


async def measure(keys: Keys) -> None:
    """Print the cost of each kind of key."""
    rates = {"requests_per_minute": 1_000_000_000, "tokens_per_minute": 1_000_000_000}
    kinds: dict[str, dict[str, Any]] = {
        "a plain key": {},
        "with both rates": rates,
        "with rates, of one workspace": {**rates, "workspace": "default"},
        "with rates, of three collections": {
            **rates,
            "workspace": "default",
            "collections": ("shed", "car-*", "garage"),
        },
    }
    nothing = await microseconds(OPEN, {})
    print(f"{'without keys':36}{nothing:6.1f} us")
    for kind, spec in kinds.items():
        total = await microseconds(KeyGuard(keys.ring, local=False), keys.header(KeyRole.READ, **spec))
        print(f"{kind:36}{total:6.1f} us, {total - nothing:+.1f}")


def main() -> None:
    """Measure with keys in a folder of their own."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / STORE_FILE
        with KeyStore(file) as gateway:
            keys = ring_over(gateway, file)
            with keys.cli:
                asyncio.run(measure(keys))


if __name__ == "__main__":
    main()
