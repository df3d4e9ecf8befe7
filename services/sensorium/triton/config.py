"""Generates every config.pbtxt from its manifest, and checks that the committed ones are current.

Usage: python -m sensorium.triton.config (--check | --write) [--repository DIR]
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path

from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2 as pb

from sensorium.triton.manifest import Manifest, Shape, TensorRt, TensorSpec, read_manifest

HEADER = "# Generated from manifest.toml (python -m sensorium.triton.config --write). Do not edit.\n"


class Profile(StrEnum):
    """The files that a model has; Triton takes the default unless `--model-config-name` names another."""

    DEFAULT = "config.pbtxt"
    CPU = "configs/cpu.pbtxt"
    GPU = "configs/gpu.pbtxt"
    TRT = "configs/trt.pbtxt"


def profiles(manifest: Manifest) -> tuple[Profile, ...]:
    """Return the profiles that a model has: GPU ones only where the manifest describes them."""
    gpu = (Profile.GPU,) if manifest.gpu else ()
    trt = (Profile.TRT,) if manifest.tensorrt else ()
    return (Profile.DEFAULT, Profile.CPU, *gpu, *trt)


def render(manifest: Manifest, profile: Profile) -> str:
    """Return the text of one file, which both the native onnxruntime backend and ours read."""
    return HEADER + str(text_format.MessageToString(model_config(manifest, profile)))


def model_config(manifest: Manifest, profile: Profile) -> pb.ModelConfig:
    """Return one profile of a model as Triton's own message, so that a misspelt field cannot pass."""
    on_gpu = profile in {Profile.GPU, Profile.TRT}
    warmup = manifest.gpu.warmup if on_gpu and manifest.gpu else manifest.cpu.warmup
    return pb.ModelConfig(
        name=manifest.name,
        backend="onnxruntime",
        max_batch_size=manifest.max_batch_size,
        input=[_tensor(spec, pb.ModelInput) for spec in manifest.inputs],
        output=[_tensor(spec, pb.ModelOutput) for spec in manifest.outputs],
        instance_group=[_instances(manifest, profile)],
        dynamic_batching=_batching(manifest),
        optimization=_accelerators(manifest, profile),
        parameters=_parameters(manifest),
        model_warmup=[_warmup(manifest, shape) for shape in warmup],
    )


def _tensor(spec: TensorSpec, message: type) -> pb.ModelInput | pb.ModelOutput:
    return message(name=spec.name, data_type=f"TYPE_{spec.dtype}", dims=spec.dims)


def _instances(manifest: Manifest, profile: Profile) -> pb.ModelInstanceGroup:
    if manifest.gpu and profile in {Profile.GPU, Profile.TRT}:
        return pb.ModelInstanceGroup(count=manifest.gpu.instances, kind="KIND_GPU")
    portable = profile is Profile.DEFAULT and manifest.gpu
    return pb.ModelInstanceGroup(count=manifest.cpu.instances, kind="KIND_AUTO" if portable else "KIND_CPU")


def _batching(manifest: Manifest) -> pb.ModelDynamicBatching:
    queue = manifest.queue
    return pb.ModelDynamicBatching(
        max_queue_delay_microseconds=queue.delay_us,
        priority_levels=queue.priorities,
        default_priority_level=queue.default_priority,
        default_queue_policy=pb.ModelQueuePolicy(
            timeout_action="REJECT",
            default_timeout_microseconds=queue.timeout_ms * 1000,
            allow_timeout_override=True,
            max_queue_size=queue.max_size,
        ),
    )


def _accelerators(manifest: Manifest, profile: Profile) -> pb.ModelOptimizationPolicy | None:
    """The portable default asks for TensorRT too: Triton ignores that on a processor."""
    if not manifest.tensorrt or profile not in {Profile.DEFAULT, Profile.TRT}:
        return None
    parameters = _tensorrt(manifest, manifest.tensorrt)
    if profile is Profile.TRT:
        parameters |= _engine_cache(manifest.tensorrt)
    policy = pb.ModelOptimizationPolicy
    accelerator = policy.ExecutionAccelerators.Accelerator(name="tensorrt", parameters=parameters)
    return policy(execution_accelerators=policy.ExecutionAccelerators(gpu_execution_accelerator=[accelerator]))


def _tensorrt(manifest: Manifest, engine: TensorRt) -> dict[str, str]:
    def shapes(shape: Shape) -> str:
        return ",".join(f"{spec.name}:{'x'.join(map(str, _sizes(spec, shape)))}" for spec in manifest.inputs)

    return {
        "precision_mode": engine.precision,
        "trt_layer_norm_fp32_fallback": "1",
        "trt_profile_min_shapes": shapes(engine.smallest),
        "trt_profile_opt_shapes": shapes(engine.usual),
        "trt_profile_max_shapes": shapes(engine.largest),
    }


def _sizes(spec: TensorSpec, shape: Shape) -> list[int]:
    batch, length = shape
    return [batch, *(length if size == -1 else size for size in spec.dims)]


def _engine_cache(engine: TensorRt) -> dict[str, str]:
    return {
        "trt_engine_cache_enable": "1",
        "trt_engine_cache_path": engine.cache,
        "trt_timing_cache_enable": "1",
        "trt_timing_cache_path": engine.cache,
    }


def _parameters(manifest: Manifest) -> Mapping[str, pb.ModelParameter]:
    values = {
        "intra_op_thread_count": str(manifest.cpu.threads),
        "inter_op_thread_count": "1",
        # Spinning threads doubled latency on shared cores. The native backend leaves this one unread.
        "session.intra_op.allow_spinning": "0",
    }
    return {name: pb.ModelParameter(string_value=value) for name, value in values.items()}


def _warmup(manifest: Manifest, shape: Shape) -> pb.ModelWarmup:
    inputs = {
        spec.name: pb.ModelWarmup.Input(data_type=f"TYPE_{spec.dtype}", dims=_sizes(spec, shape)[1:], zero_data=True)
        for spec in manifest.inputs
    }
    batch, length = shape
    return pb.ModelWarmup(name=f"batch {batch}, length {length}", batch_size=batch, inputs=inputs)


def expected_files(repository: Path) -> dict[Path, str]:
    """Return every config that the manifests of a repository call for, by path."""
    folders = sorted(path.parent for path in repository.glob("*/manifest.toml"))
    manifests = [(folder, read_manifest(folder)) for folder in folders]
    return {
        folder / profile.value: render(manifest, profile)
        for folder, manifest in manifests
        for profile in profiles(manifest)
    }


def stale_files(repository: Path) -> list[Path]:
    """Return the configs that are missing, differ from their manifest, or have none."""
    expected = expected_files(repository)
    present = {*repository.glob("*/config.pbtxt"), *repository.glob("*/configs/*.pbtxt")}
    current = {path for path, text in expected.items() if path in present and path.read_text(encoding="utf-8") == text}
    return sorted({*expected, *present} - current)


def write_files(repository: Path) -> None:
    """Write every config, and remove those that no manifest calls for."""
    expected = expected_files(repository)
    for path in stale_files(repository):
        if path in expected:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(expected[path], encoding="utf-8")
        else:
            path.unlink()


def main(argv: Sequence[str] | None = None) -> int:
    """Check or write; return 1 when a check found a stale file."""
    parser = argparse.ArgumentParser(prog="python -m sensorium.triton.config", description=__doc__)
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--check", action="store_true", help="fail when a config is not current")
    action.add_argument("--write", action="store_true", help="write every config")
    parser.add_argument("--repository", type=Path, default=Path("model_repository"))
    arguments = parser.parse_args(argv)
    if arguments.write:
        write_files(arguments.repository)
    stale = stale_files(arguments.repository)
    for path in stale:
        print(f"{path} is stale: run python -m sensorium.triton.config --write", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
