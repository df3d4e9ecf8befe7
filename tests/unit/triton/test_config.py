"""The committed configs are those of their manifests, and Triton's own message accepts them."""

import shutil
from pathlib import Path

import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2 as pb

from sensorium.triton.config import Profile, expected_files, main, model_config, stale_files
from sensorium.triton.manifest import Manifest, read_manifest

REPOSITORY = Path(__file__).parents[3] / "model_repository"
KINDS = {
    Profile.DEFAULT: pb.ModelInstanceGroup.KIND_AUTO,
    Profile.CPU: pb.ModelInstanceGroup.KIND_CPU,
    Profile.GPU: pb.ModelInstanceGroup.KIND_GPU,
    Profile.TRT: pb.ModelInstanceGroup.KIND_GPU,
}


@pytest.fixture
def manifest() -> Manifest:
    return read_manifest(REPOSITORY / "all-minilm-l6-v2")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the repository's text files."""
    ignored = shutil.ignore_patterns("1", "tokenizer.json")
    return Path(shutil.copytree(REPOSITORY, tmp_path / "model_repository", ignore=ignored))


def test_committed_configs_are_current() -> None:
    assert stale_files(REPOSITORY) == []


@pytest.mark.parametrize("path", sorted(expected_files(REPOSITORY)), ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_triton_parses_every_config(path: Path) -> None:
    parsed = text_format.Parse(path.read_text(), pb.ModelConfig())
    assert parsed.backend == "onnxruntime"
    assert parsed.name in path.parts


def test_check_fails_on_a_changed_a_missing_and_an_unknown_file(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = copy / "all-minilm-l6-v2"
    (model / "config.pbtxt").write_text("name: 'other'\n")
    (model / "configs" / "trt.pbtxt").unlink()
    (model / "configs" / "tpu.pbtxt").write_text("")
    assert main(["--check", "--repository", str(copy)]) == 1
    said = capsys.readouterr().err
    assert all(name in said for name in ("config.pbtxt", "trt.pbtxt", "tpu.pbtxt"))
    assert "cpu.pbtxt" not in said
    assert main(["--write", "--repository", str(copy)]) == 0
    assert stale_files(copy) == []


@pytest.mark.parametrize("profile", Profile)
def test_each_profile_runs_where_it_says(manifest: Manifest, profile: Profile) -> None:
    assert model_config(manifest, profile).instance_group[0].kind == KINDS[profile]


def test_a_model_without_gpu_stays_on_the_processor() -> None:
    manifest = read_manifest(REPOSITORY / "all-minilm-l6-v2-int8")
    config = model_config(manifest, Profile.DEFAULT)
    assert config.instance_group[0].kind == pb.ModelInstanceGroup.KIND_CPU
    assert not config.HasField("optimization")


def test_tensorrt_gets_one_range_for_every_input(manifest: Manifest) -> None:
    [accelerator] = model_config(manifest, Profile.TRT).optimization.execution_accelerators.gpu_execution_accelerator
    assert accelerator.name == "tensorrt"
    assert accelerator.parameters["precision_mode"] == "FP16"
    assert accelerator.parameters["trt_profile_max_shapes"] == "input_ids:64x256,attention_mask:64x256"
    assert accelerator.parameters["trt_engine_cache_enable"] == "1"


def test_every_length_and_batch_lies_in_the_range_of_tensorrt(manifest: Manifest) -> None:
    assert manifest.tensorrt
    assert manifest.tensorrt.smallest == (1, manifest.lengths[0])
    assert manifest.tensorrt.largest == (manifest.max_batch_size, manifest.lengths[-1])


def test_waiting_requests_are_bounded_and_rejected_late(manifest: Manifest) -> None:
    batching = model_config(manifest, Profile.CPU).dynamic_batching
    assert batching.priority_levels == 2
    assert batching.max_queue_delay_microseconds == 0
    assert batching.default_queue_policy.timeout_action == pb.ModelQueuePolicy.REJECT
    assert batching.default_queue_policy.allow_timeout_override
    assert batching.default_queue_policy.max_queue_size > 0


def test_warm_up_runs_zeros_of_the_manifests_shapes(manifest: Manifest) -> None:
    warmups = model_config(manifest, Profile.CPU).model_warmup
    shapes = [(each.batch_size, each.inputs["input_ids"].dims[0]) for each in warmups]
    assert shapes == list(manifest.cpu.warmup)
    assert all(tensor.zero_data for each in warmups for tensor in each.inputs.values())
