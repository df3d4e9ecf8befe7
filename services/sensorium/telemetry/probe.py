"""Asks the HTTP address of a process whether it is ready, with the standard library alone, for that is done often.

Containers run it as `python -m sensorium.telemetry.probe 127.0.0.1:8080`, every few seconds: it costs a tenth of what
the whole command costs. It exits with 0 when the process is ready.
"""

import http.client
import json
import sys
from collections.abc import Mapping
from json import JSONDecodeError

from sensorium.errors import InvalidArgument, SensoriumError, Unavailable

LONGEST_ANSWER = 64 << 10  # bytes
SECONDS = 3.0


def failing_checks(address: str, seconds: float) -> Mapping[str, str]:
    """Return why each failing check of the process at `address` fails; empty means ready.

    Args:
        address: `host:port` of its HTTP endpoint (telemetry/endpoint.py).
        seconds: How long it may take.

    Raises:
        InvalidArgument: `address` is none.
        Unavailable: Nobody answers there, or somebody else does.
    """
    try:
        connection = http.client.HTTPConnection(address, timeout=seconds)
    except http.client.InvalidURL as error:
        raise InvalidArgument(f"{address!r} is no host:port", field="at") from error
    try:
        connection.request("GET", "/readyz")
        return failing_in(connection.getresponse().read(LONGEST_ANSWER))
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Unavailable(f"nothing at {address} tells whether it is ready: {error}") from error
    finally:
        connection.close()


def failing_in(body: bytes) -> Mapping[str, str]:
    """Return the checks that fail by the JSON of `/readyz`. Raises ValueError when it is something else."""
    try:
        answer = json.loads(body)
    except (JSONDecodeError, RecursionError) as error:
        raise ValueError("the answer is no JSON") from error
    failing = answer.get("failing") if isinstance(answer, dict) else None
    if not isinstance(failing, dict):
        raise ValueError("the answer is none of /readyz")
    return {str(check): str(reason) for check, reason in failing.items()}


def main(address: str) -> int:
    """Print why the process at `address` is not ready; return the exit status."""
    try:
        failing = failing_checks(address, SECONDS)
    except SensoriumError as error:
        failing = {"probe": error.message}
    for check, reason in failing.items():
        print(f"{check}: {reason}")
    return 1 if failing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
