"""A manifest is read whole, and what is wrong with one is said with file and field."""

from pathlib import Path

import pytest

from sensorium.errors import FailedPrecondition, NotFound
from sensorium.triton.manifest import read_manifest

REPOSITORY = Path(__file__).parents[3] / "model_repository"
MODEL = "all-minilm-l6-v2"


def changed(folder: Path, old: str, new: str) -> Path:
    """Write the default model's manifest with one change; return its folder."""
    text = (REPOSITORY / MODEL / "manifest.toml").read_text()
    assert old in text
    target = folder / MODEL
    target.mkdir()
    (target / "manifest.toml").write_text(text.replace(old, new, 1))
    return target


@pytest.mark.parametrize("folder", sorted(path.parent for path in REPOSITORY.glob("*/manifest.toml")))
def test_every_committed_manifest_reads(folder: Path) -> None:
    assert read_manifest(folder).name == folder.name


def test_the_output_of_the_text_model_has_a_name_of_its_own() -> None:
    # "embedding" collides with an operator's name in some exports of it.
    assert read_manifest(REPOSITORY / MODEL).outputs[0].name == "sentence_embedding"


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("max_batch_size = 64", "max_batch_size = 0", "max_batch_size"),
        ("max_batch_size = 64", 'max_batch_size = "64"', "max_batch_size"),
        ("max_batch_size = 64", "max_batch_sizes = 64", "max_batch_size"),
        ('dtype = "INT64"', 'dtype = "INT65"', "inputs.0.dtype"),
        ("dims = [384]", "dims = []", "outputs.0.dims"),
        ("max_size = 256", "max_sizes = 256", "queue.max_size"),
        ("default_priority = 2", "default_priority = 3", "queue"),
        ("usual = [16, 48]", "usual = [16, 512]", "tensorrt"),
        ('sha256 = "1', 'sha256 = "X', "graph.sha256"),
        ('file = "1/model.onnx"', 'file = "/etc/passwd"', "graph.file"),
        ("instances = 2", "instances = 0", "cpu.instances"),
    ],
)
def test_a_wrong_field_is_named_with_its_file(tmp_path: Path, old: str, new: str, field: str) -> None:
    folder = changed(tmp_path, old, new)
    with pytest.raises(FailedPrecondition) as caught:
        read_manifest(folder)
    assert caught.value.field == field
    assert f"{folder / 'manifest.toml'}: {field}: " in caught.value.message


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("lengths = [8, 16", "lengths = [16, 8", "lengths must ascend"),
        ("warmup = [[1, 16], [8, 64]]", "warmup = [[1, 512]]", "is larger than"),
        ("[graph]", "[quantized]", "quantized"),
        ("[gpu]\ninstances = 1\nwarmup = [[1, 16], [64, 256]]\n", "", "[tensorrt] needs [gpu]"),
    ],
)
def test_fields_that_contradict_each_other_are_refused(tmp_path: Path, old: str, new: str, says: str) -> None:
    folder = changed(tmp_path, old, new)
    with pytest.raises(FailedPrecondition) as caught:
        read_manifest(folder)
    assert says in caught.value.message


def test_a_folder_of_another_name_is_refused(tmp_path: Path) -> None:
    folder = changed(tmp_path, 'name = "all-minilm-l6-v2"', 'name = "bge-m3"')
    with pytest.raises(FailedPrecondition, match="must be that of its folder"):
        read_manifest(folder)


def test_what_is_not_toml_is_refused_with_its_line(tmp_path: Path) -> None:
    folder = changed(tmp_path, "max_batch_size = 64", "max_batch_size = ")
    with pytest.raises(FailedPrecondition, match=r"is not TOML: .*line"):
        read_manifest(folder)


def test_a_missing_manifest_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"manifest\.toml does not exist"):
        read_manifest(tmp_path)
