"""The manifest of a Triton model: the one hand-written description that its configs and its build follow."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from sensorium.errors import FailedPrecondition
from sensorium.triton.toml_file import STRICT, read_toml

Count = Annotated[int, Field(ge=1)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
RelativePath = Annotated[str, Field(pattern=r"^[\w-][\w./-]*$")]
Shape = tuple[Count, Count]  # [batch, length]; the length counts for free axes alone


@dataclass(frozen=True, slots=True, config=STRICT)
class TensorSpec:
    """An input or output, without its batch axis; -1 is a free axis."""

    name: Annotated[str, Field(min_length=1)]
    dtype: Literal["BOOL", "UINT8", "INT8", "INT32", "INT64", "FP16", "FP32"]
    dims: Annotated[tuple[int, ...], Field(min_length=1)]


@dataclass(frozen=True, slots=True, config=STRICT)
class Queue:
    """How requests wait in Triton: lanes by priority (1 first), and when they are turned away.

    Attributes:
        max_size: Requests in one lane; beyond it UNAVAILABLE.
        timeout_ms: Of waiting, in milliseconds; beyond it the request is rejected. A request may ask for less.
        delay_us: How long a batch may wait for company, in microseconds.
    """

    priorities: Count
    default_priority: Count
    max_size: Count
    timeout_ms: Count
    delay_us: Annotated[int, Field(ge=0)]

    def __post_init__(self) -> None:
        if self.default_priority > self.priorities:
            raise ValueError("default_priority must be one of the priorities")


@dataclass(frozen=True, slots=True, config=STRICT)
class Graph:
    """A committed graph, its weights elsewhere."""

    file: RelativePath
    sha256: Sha256


@dataclass(frozen=True, slots=True, config=STRICT)
class HubFile:
    """A file that a model hub publishes; its content is held to the hash of the weights, whatever the revision."""

    model: RelativePath
    file: RelativePath
    revision: RelativePath = "main"


@dataclass(frozen=True, slots=True, config=STRICT)
class Weights:
    """A weights file that the build puts in place.

    Attributes:
        lock: The requirements file, with hashes, that names the package holding the weights; beside the repository.
        member: The file inside the package.
        hub: The same file on a model hub.
    """

    file: RelativePath
    sha256: Sha256
    size_bytes: Count
    lock: RelativePath
    member: RelativePath
    hub: HubFile | None = None


@dataclass(frozen=True, slots=True, config=STRICT)
class Quantized:
    """A graph that the build makes from another model of the repository, its `base`."""

    file: RelativePath
    base: RelativePath


@dataclass(frozen=True, slots=True, config=STRICT)
class Cpu:
    """Instances and threads of each on a processor, and the shapes to run before serving."""

    instances: Count
    threads: Count
    warmup: tuple[Shape, ...] = ()


@dataclass(frozen=True, slots=True, config=STRICT)
class Gpu:
    """Instances on each GPU, and the shapes to run before serving."""

    instances: Count
    warmup: tuple[Shape, ...] = ()


@dataclass(frozen=True, slots=True, config=STRICT)
class TensorRt:
    """One engine for shapes from `smallest` to `largest`, fastest at `usual`; `cache` keeps it over restarts."""

    precision: Literal["FP32", "FP16", "BF16"]
    smallest: Shape
    usual: Shape
    largest: Shape
    cache: Annotated[str, Field(pattern=r"^/")]

    def __post_init__(self) -> None:
        for axis in (0, 1):
            if not self.smallest[axis] <= self.usual[axis] <= self.largest[axis]:
                raise ValueError("shapes must grow from smallest over usual to largest")


@dataclass(frozen=True, slots=True, config=STRICT)
class Manifest:
    """A Triton model, and where its files come from.

    Attributes:
        name: The Triton model, and its folder in the repository.
        lengths: Sequence lengths to pad to, ascending, so that batches have few shapes; none for images and audio,
            whose shape is fixed.
        graph, weights: What a model with a committed graph has.
        quantized: What a model that the build makes has instead.
        gpu, tensorrt: None for a model that runs on processors alone.
    """

    name: RelativePath
    max_batch_size: Count
    inputs: Annotated[tuple[TensorSpec, ...], Field(min_length=1)]
    outputs: Annotated[tuple[TensorSpec, ...], Field(min_length=1)]
    queue: Queue
    cpu: Cpu
    lengths: tuple[Count, ...] = ()
    graph: Graph | None = None
    weights: Weights | None = None
    quantized: Quantized | None = None
    gpu: Gpu | None = None
    tensorrt: TensorRt | None = None

    def __post_init__(self) -> None:
        if list(self.lengths) != sorted(set(self.lengths)):
            raise ValueError("lengths must ascend")
        if (self.graph is None) == (self.quantized is None):
            raise ValueError("one of [graph] and [quantized] is required")
        if self.tensorrt and not self.gpu:
            raise ValueError("[tensorrt] needs [gpu]")
        if not self.lengths and any(-1 in spec.dims for spec in self.inputs):
            raise ValueError("an input with a free axis needs lengths")
        gpu, largest = self.gpu or Gpu(instances=1), (self.max_batch_size, self.lengths[-1] if self.lengths else 1)
        for batch, length in (*self.cpu.warmup, *gpu.warmup):
            if batch > largest[0] or length > largest[1]:
                raise ValueError(f"warmup [{batch}, {length}] is larger than {list(largest)}")


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest of the model in `folder`.

    Raises:
        NotFound: `folder` holds no manifest.toml.
        FailedPrecondition: The manifest is wrong; the message names the field.
    """
    path = folder / "manifest.toml"
    manifest = read_toml(path, Manifest)
    if manifest.name != folder.name:
        raise FailedPrecondition(f"{path}: name: must be that of its folder, {folder.name}", field="name")
    return manifest
