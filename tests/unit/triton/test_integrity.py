"""Every file of a model is held to what its card and manifests say, with how to get it."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sensorium.cli.verification import verify
from sensorium.errors import FailedPrecondition, NotFound
from sensorium.settings import TritonSettings
from sensorium.triton.build import quantizing_recipe
from sensorium.triton.integrity import FileState, check_files
from sensorium.triton.manifest import read_manifest
from sensorium.triton.stamp import Stamp

REPOSITORY = Path(__file__).parents[3] / "model_repository"
MODEL = "all-minilm-l6-v2"
CONTENT = b"weights"
PUBLISHED = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with the default model, whole, and its quantised form; the weights are CONTENT."""
    built = shutil.ignore_patterns("*.safetensors*", "*.stamp", ".partial*")
    for model in (MODEL, f"{MODEL}-int8"):
        shutil.copytree(REPOSITORY / model, tmp_path / model, ignore=built)
    manifest = tmp_path / MODEL / "manifest.toml"
    manifest.write_text(manifest.read_text().replace(PUBLISHED, hashlib.sha256(CONTENT).hexdigest()))
    (tmp_path / MODEL / "1" / "model.safetensors").write_bytes(CONTENT)
    quantized = tmp_path / f"{MODEL}-int8" / "1" / "model.onnx"
    quantized.parent.mkdir(exist_ok=True)
    quantized.write_bytes(b"a graph")
    recipe = quantizing_recipe(read_manifest(tmp_path / MODEL))
    Stamp.of(quantized, recipe, hashlib.sha256(b"a graph").hexdigest()).write(quantized)
    return tmp_path


def wrong(repository: Path, model: str = MODEL) -> dict[str, tuple[FileState, str]]:
    """Return what is not right: state and remedy by path."""
    checks = check_files(repository, model)
    found = {str(each.path.relative_to(repository)): (each.state, each.remedy) for each in checks}
    return {path: each for path, each in found.items() if each[0] is not FileState.RIGHT}


@pytest.mark.parametrize("model", [MODEL, f"{MODEL}-int8"])
def test_a_whole_model_is_right(repository: Path, model: str) -> None:
    assert wrong(repository, model) == {}


@pytest.mark.parametrize(
    ("model", "file", "remedy"),
    [
        (MODEL, "1/model.safetensors", f"`sensorium model pull {MODEL}`"),
        (MODEL, "1/model.onnx", "check it out again"),
        (f"{MODEL}-int8", "1/model.onnx", f"`sensorium model build {MODEL}-int8`"),
    ],
)
@pytest.mark.parametrize("state", [FileState.MISSING, FileState.DAMAGED])
def test_a_file_that_is_not_right_is_told_with_how_to_get_it(
    repository: Path, model: str, file: str, remedy: str, state: FileState
) -> None:
    path = repository / model / file
    path.write_bytes(path.read_bytes()[:-1] + b"?") if state is FileState.DAMAGED else path.unlink()
    assert wrong(repository, model) == {f"{model}/{file}": (state, remedy)}


def test_a_stamp_is_not_believed(repository: Path) -> None:
    path = repository / MODEL / "1" / "model.safetensors"
    path.write_bytes(b"!" * len(CONTENT))
    Stamp.of(path, *[hashlib.sha256(CONTENT).hexdigest()] * 2).write(path)
    assert set(wrong(repository)) == {f"{MODEL}/1/model.safetensors"}


def test_a_quantised_file_of_other_weights_is_told(repository: Path) -> None:
    manifest = repository / MODEL / "manifest.toml"
    manifest.write_text(manifest.read_text().replace(hashlib.sha256(CONTENT).hexdigest(), PUBLISHED))
    assert set(wrong(repository, f"{MODEL}-int8")) == {f"{MODEL}-int8/1/model.onnx"}


def test_a_file_that_no_manifest_names_is_told(repository: Path) -> None:
    (repository / MODEL / "1" / "model.plan").touch()
    assert wrong(repository) == {f"{MODEL}/1/model.plan": (FileState.UNKNOWN, "remove it")}


def test_a_missing_config_and_a_changed_tokenizer_are_told(repository: Path) -> None:
    (repository / MODEL / "config.pbtxt").unlink()
    (repository / MODEL / "tokenizer.json").write_text("{}")
    assert set(wrong(repository)) == {f"{MODEL}/config.pbtxt", f"{MODEL}/tokenizer.json"}


def remove_tokenizer(repository: Path) -> None:
    (repository / MODEL / "tokenizer.json").unlink()


def remove_card(repository: Path) -> None:
    (repository / MODEL / "card.toml").unlink()


@pytest.mark.parametrize(
    ("harm", "error", "says"),
    [
        (remove_tokenizer, FailedPrecondition, r"there is no tokenizer\.json: check it out again"),
        (remove_card, NotFound, rf"there are: {MODEL}-int8$"),
    ],
)
def test_what_cannot_be_looked_at_is_an_error(
    repository: Path, harm: Callable[[Path], None], error: type[Exception], says: str
) -> None:
    harm(repository)
    with pytest.raises(error, match=says):
        list(check_files(repository, MODEL))


async def test_wrong_files_are_shown_and_nothing_is_run(repository: Path) -> None:
    (repository / MODEL / "1" / "model.safetensors").unlink()
    found = await verify(TritonSettings(model_repository=repository), MODEL)
    assert [file.state for file in found.files] == ["right", "right", "right", "missing"]
    assert found.canaries == ()
    with pytest.raises(FailedPrecondition, match=rf"model\.safetensors is missing: `sensorium model pull {MODEL}`"):
        found.raise_for_faults()


async def test_without_triton_the_files_are_shown_and_the_canaries_have_failed(repository: Path) -> None:
    found = await verify(TritonSettings(model_repository=repository, environment=repository / "nowhere"), MODEL)
    assert {file.state for file in found.files} == {FileState.RIGHT}
    assert [canary.passed for canary in found.canaries] == [False]
    with pytest.raises(FailedPrecondition, match="there is no environment for Triton"):
        found.raise_for_faults()
