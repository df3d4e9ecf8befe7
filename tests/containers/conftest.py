"""One Docker daemon, one build and one running mesh for all tests of containers."""

import json
import sys
from collections.abc import Iterator

import pytest
from base_image import import_base_image
from compose_stack import ComposeStack, compose_stack
from private_docker import NoDocker, PrivateDocker, private_docker

from sensorium import Client


@pytest.fixture(scope="session")
def docker() -> Iterator[PrivateDocker]:
    try:
        with private_docker() as daemon:
            yield daemon
    except NoDocker as reason:
        print(f"\n*** CONTAINERS ARE NOT TESTED HERE: {reason} ***\n", file=sys.stderr, flush=True)
        pytest.skip(f"no containers: {reason}")


@pytest.fixture(scope="session")
def stack(docker: PrivateDocker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComposeStack]:
    """The images of the compose file, built; nothing runs."""
    import_base_image(docker)
    with compose_stack(docker, tmp_path_factory.mktemp("compose")) as built:
        yield built


@pytest.fixture(scope="session")
def key(stack: ComposeStack) -> str:
    """The first key, made as docs/containers.md says."""
    made = stack("run", "--rm", "-T", "--no-deps", "gateway", "key", "create", "first", "--role", "admin", "--json")
    return str(json.loads(made)["secret"])


@pytest.fixture(scope="session")
def mesh(stack: ComposeStack, key: str) -> ComposeStack:
    """The compose file, up and healthy."""
    stack("up", "--detach", "--wait")
    return stack


@pytest.fixture
def client(mesh: ComposeStack, key: str) -> Iterator[Client]:
    with Client(mesh.address(), api_key=key, timeout=60) as open_client:
        yield open_client
