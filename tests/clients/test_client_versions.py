"""SDKs in the versions that people have, each in an environment of its own (`make test-clients`)."""

import asyncio
import os
import shutil
import sys
from pathlib import Path

import google.rpc.status_pb2
import pytest
from http_front import front
from key_ring import Keys
from memory_mesh import MemoryMesh
from served_mesh import served as served_over_grpc

from sensorium.gateway.keys.guard import KeyGuard
from sensorium.gateway.keys.master import master_secret
from sensorium.gateway.usage.ledger import opened_ledger
from sensorium.gateway.usage.metered import MeteredEmbedder
from sensorium.gateway.usage.store import STORE_FILE, UsageStore
from sensorium.model.access import KeyRole

HERE = Path(__file__).parent
PROTOS = (HERE.parents[1] / "proto", Path(google.rpc.status_pb2.__file__).parents[2])
UV = Path(sys.executable).parent / "uv"
ALIASES = {"multimodal-embedding-one-peace-v1": "omni"}


async def ran(command: list[str], folder: Path) -> None:
    """Run a client to its end, without what this project's environment sets."""
    kept = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env={**kept, "NO_PROXY": "127.0.0.1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()


def python_with(*packages: str) -> list[str]:
    """Return the command of a Python that has these packages and nothing else."""
    command = [str(UV), "run", "-q", "--isolated", "--no-project", "--python", sys.executable]
    return [*command, *(part for package in packages for part in ("--with", package)), "python"]


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("package", "script", "path"),
    [
        ("dashscope==1.14.1", "dashscope_client.py", "/api/v1"),
        ("dashscope==1.20.14", "dashscope_client.py", "/api/v1"),
        ("dashscope==1.27.8", "dashscope_client.py", "/api/v1"),
        ("dashscope==2.0.2", "dashscope_client.py", "/api/v1"),
        ("openai==1.109.1", "openai_client.py", "/v1"),
        ("openai==2.54.0", "openai_client.py", "/v1"),
        ("openai==3.52.0", "openai_client.py", "/compatible-mode/v1"),
        ("langchain-openai<1", "langchain_client.py", "/v1"),
        ("langchain-openai==1.7.3", "langchain_client.py", "/v1"),
        ("cohere==7.3.1", "cohere_client.py", ""),
    ],
)
async def test_an_sdk_of_this_version_works(package: str, script: str, path: str, keys: Keys, tmp_path: Path) -> None:
    _, secret = keys.make()
    async with front(guard=KeyGuard(keys.ring, local=True), aliases=ALIASES) as served:
        await ran([*python_with(package), str(HERE / script), f"{served.url}{path}", secret.text], tmp_path)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("packages", "script"),
    [
        # It imports aiohttp and does not say so.
        (("volcengine==1.0.229", "aiohttp"), "volcengine_client.py"),
        (("vikingdb-python-sdk==0.1.35",), "vikingdb_client.py"),
    ],
)
async def test_an_sdk_that_signs_works(packages: tuple[str, ...], script: str, keys: Keys, tmp_path: Path) -> None:
    key, _ = keys.make()
    async with front(guard=KeyGuard(keys.ring, local=True)) as served:
        secret = master_secret(served.folder).signing_secret(key.id)
        await ran([*python_with(*packages), str(HERE / script), served.url, key.id, secret], tmp_path)


@pytest.mark.timeout(600)
@pytest.mark.skipif(shutil.which("npm") is None, reason="there is no npm")
async def test_the_sdk_of_node_works(keys: Keys, tmp_path: Path) -> None:
    _, secret = keys.make()
    await ran(["npm", "install", "--silent", "--no-audit", "--no-fund", "openai@6.49.0"], tmp_path)
    shutil.copy(HERE / "openai_client.mjs", tmp_path)
    async with front(guard=KeyGuard(keys.ring, local=True)) as served:
        await ran(["node", "openai_client.mjs", f"{served.url}/v1", secret.text], tmp_path)


@pytest.mark.timeout(600)
@pytest.mark.skipif(shutil.which("npm") is None, reason="there is no npm")
async def test_grpc_in_node_works_from_the_same_protos(keys: Keys, tmp_path: Path) -> None:
    _, secret = keys.make(KeyRole.ADMIN)
    packages = ["@grpc/grpc-js@1", "@grpc/proto-loader@0.8"]
    await ran(["npm", "install", "--silent", "--no-audit", "--no-fund", *packages], tmp_path)
    shutil.copy(HERE / "grpc_client.mjs", tmp_path)
    memory = MemoryMesh()
    async with opened_ledger(UsageStore(tmp_path / STORE_FILE), every_seconds=60) as ledger:
        embedder, guard = MeteredEmbedder(memory.embedder, ledger), KeyGuard(keys.ring, local=True)
        async with served_over_grpc(embedder, memory.searcher, guard=guard, usage=ledger) as address:
            await ran(["node", "grpc_client.mjs", address, secret.text, *map(str, PROTOS)], tmp_path)
