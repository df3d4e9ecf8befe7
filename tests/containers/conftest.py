"""One Docker daemon, one build and one running mesh for all tests of containers."""

import json
from collections.abc import Iterator

import pytest
from base_image import import_base_image
from compose_stack import ComposeStack, compose_stack
from private_docker import NoDocker, PrivateDocker, private_docker

from sensorium import Client, Document

_WHY_NOT = pytest.StashKey[str]()


@pytest.fixture(scope="session")
def docker(pytestconfig: pytest.Config) -> Iterator[PrivateDocker]:
    try:
        with private_docker() as daemon:
            yield daemon
    except NoDocker as reason:
        pytestconfig.stash[_WHY_NOT] = str(reason)
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


@pytest.fixture(scope="session")
def samples(mesh: ComposeStack, key: str) -> None:
    """The collection `garage` and the tag definition `vehicles`."""
    with Client(mesh.address(), api_key=key, timeout=60) as client:
        client.create_collection("garage", model="all-minilm-l6-v2")
        client.upsert("garage", [Document("bike", text="a red bicycle"), Document("car", text="a blue car")])
        client.create_tag_definition("vehicles", ["bicycle", "car"])


@pytest.fixture
def client(mesh: ComposeStack, key: str, samples: None) -> Iterator[Client]:
    with Client(mesh.address(), api_key=key, timeout=60) as open_client:
        yield open_client


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say aloud that nothing was tested, for a run that skips looks like one that passes."""
    if reason := config.stash.get(_WHY_NOT, ""):
        terminalreporter.section("CONTAINERS ARE NOT TESTED HERE", sep="!", red=True)
        terminalreporter.line(reason)
