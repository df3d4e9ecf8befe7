"""A mesh that was closed by its first key: real processes, the real command, and no secret in any log."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from mesh_process import MeshProcess

from sensorium import Client
from sensorium.errors import PermissionDenied, Unauthenticated

TOKEN = "a-token-of-the-mesh"  # nosec


def command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sensorium", *arguments, "--json"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def key(folder: Path, *arguments: str) -> dict[str, Any]:
    """Run `sensorium key` on the data directory of the mesh."""
    ran = command("key", *arguments, "--data-dir", str(folder / "data"))
    assert ran.returncode == 0, ran.stderr
    return dict(json.loads(ran.stdout))


def test_keys_open_and_close_a_mesh_and_leave_no_secret_in_its_log(tmp_path: Path) -> None:
    admin = key(tmp_path, "create", "operator", "--role", "admin")
    debugging = {"SENSORIUM_TELEMETRY__LOG_LEVEL": "DEBUG", "SENSORIUM_MESH__TOKEN": TOKEN}
    mesh = MeshProcess.start(tmp_path, **debugging)
    try:
        mesh.wait_serving()
        with Client(mesh.grpc_address, api_key=admin["secret"]) as client:
            client.create_collection("garage", model="all-minilm-l6-v2")
        address = {"SENSORIUM_ADDRESS": mesh.grpc_address}
        assert command("status", **address).returncode == 7
        assert command("status", **address, SENSORIUM_API_KEY=admin["secret"]).returncode == 0

        reader = key(tmp_path, "create", "kiosk", "--collection", "garage")
        mesh.wait_for("keys_changed", seconds=5, active=2)
        with Client(mesh.grpc_address, api_key=reader["secret"]) as client:
            assert list(client.search("garage", "two wheels")) == []
            for refused in (lambda: client.search("cellar", "two wheels"), lambda: client.count("cellar")):
                assert isinstance(_raised(refused), PermissionDenied)

        key(tmp_path, "revoke", reader["id"])
        mesh.wait_for("keys_changed", seconds=5, revoked=1)
        with Client(mesh.grpc_address, api_key=reader["secret"]) as client:
            assert isinstance(_raised(client.models), Unauthenticated)
        used = command("usage", "--by", "hour", **address, SENSORIUM_API_KEY=admin["secret"])
        assert reader["id"] in {json.loads(line)["key_id"] for line in used.stdout.splitlines()}, used.stderr
        assert command("usage", **address, SENSORIUM_API_KEY=reader["secret"]).returncode == 7
        calls = [line for line in mesh.events() if line["event"] == "call"]
        assert {line.get("key_id") for line in calls if line["code"] in {"OK", "PERMISSION_DENIED"}} == {
            admin["id"],
            reader["id"],
        }
    finally:
        assert mesh.stop() == 0
    log = mesh.log.read_text()
    for secret in (admin["secret"], reader["secret"]):
        assert secret[len("sk-0123456789ab-") :] not in log
    assert TOKEN not in log


def _raised(call: Any) -> Exception | None:
    try:
        call()
    except Exception as error:
        return error
    return None
