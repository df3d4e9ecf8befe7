"""Measures images and sounds through the public gRPC address against decoding and raw ONNX Runtime, in one run.

    python tests/perf/bench_media.py [--model NAME] [--rounds 3] [--count 480] [--json figures.json]

Images are JPEGs of 640 x 480, sounds MP3s and FLACs of the length that the model hears. Without a model, two tiny
towers stand in: they cost next to nothing, so the ratios show what the mesh itself adds, at its worst. Rounds alternate
between raw and mesh, and figures are medians. A mixed batch of 100 is held to its modalities sent alone, and peak
memory is measured under a flood of the largest images that the model's card permits.
"""

import argparse
import io
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import load
import numpy as np
import raw_media
import soundfile
from bench_embed import helper_process
from load import Answered, Load
from mesh import ROOT, Mesh, running_mesh
from PIL import Image

from sensorium.embed.served_model import ServedModel
from sensorium.model.content import Modality
from sensorium.serving import served_model
from sensorium.settings import TritonSettings
from sensorium.triton.card import read_card
from sensorium.v1 import embed_service_pb2 as pb
from sensorium.v1 import types_pb2

sys.path.append(str(ROOT / "tests" / "support"))

BATCH, CALLERS = 16, 8
GOAL = 0.90
FLOOD = 12
JPEG, SOUNDS = "JPEG", ("MP3", "FLAC")


@dataclass(frozen=True)
class Round:
    """One measurement: files per second, and CPU milliseconds of each by process."""

    raw_rate: float
    mesh_rate: float
    raw_cpu_ms: float
    mesh_cpu_ms: float
    triton_cpu_ms: float

    @property
    def ratio(self) -> float:
        """Return the mesh's rate as a share of raw's."""
        return self.mesh_rate / self.raw_rate


class Bench:
    """A mesh, its load generator, and what they are asked with."""

    def __init__(self, mesh: Mesh, generator: Connection, count: int) -> None:
        self._mesh, self._generator, self._count = mesh, generator, count

    def put(
        self, parts: Sequence[types_pb2.Part], *, batch: int = BATCH, callers: int = CALLERS, count: int = 0
    ) -> Answered:
        """Send the parts, a content each, `count` of them in all, again and again if need be."""
        serialized = [
            pb.EmbedRequest(
                contents=[types_pb2.Content(parts=[part]) for part in parts[start : start + batch]]
            ).SerializeToString()
            for start in range(0, len(parts) - batch + 1, batch)
        ]
        self._generator.send((serialized, Load("", batch, callers, count or self._count)))
        answered: Answered = self._generator.recv()
        return answered

    def measure(self, raw: Connection, files: Sequence[bytes], parts: Sequence[types_pb2.Part]) -> Round:
        """Measure raw, then the mesh."""
        raw.send(list(files))
        raw_rate, raw_cpu = raw.recv()
        mesh_before, triton_before = self._mesh.cpu_seconds()
        answered = self.put(parts)
        mesh_after, triton_after = self._mesh.cpu_seconds()
        embedded = len(answered.seconds) * BATCH
        return Round(
            raw_rate,
            answered.texts_per_second,
            raw_cpu * 1e3,
            (mesh_after - mesh_before) / embedded * 1e3,
            (triton_after - triton_before) / embedded * 1e3,
        )


def photo(seed: int, width: int = 640, height: int = 480) -> bytes:
    """Return a JPEG of soft shapes and grain, about as large as a photograph."""
    noise = np.random.default_rng(seed)
    shapes = Image.fromarray(noise.integers(0, 256, (6, 8, 3), np.uint8)).resize(
        (width, height), Image.Resampling.BICUBIC
    )
    grain = noise.normal(0, 6, (height, width, 1))
    stream = io.BytesIO()
    Image.fromarray(np.clip(np.asarray(shapes) + grain, 0, 255).astype(np.uint8)).save(stream, "JPEG", quality=90)
    return stream.getvalue()


def sound(seed: int, seconds: float, kind: str) -> bytes:
    """Return a file of fading noise, 44,100 samples a second, stereo."""
    samples = (
        np.random.default_rng(seed).normal(0, 0.1, (round(seconds * 44_100), 2))
        * np.hanning(round(seconds * 44_100))[:, None]
    )
    stream = io.BytesIO()
    soundfile.write(stream, samples, 44_100, format=kind)
    return stream.getvalue()


def image_part(file: bytes) -> types_pb2.Part:
    """Return an image."""
    return types_pb2.Part(image=types_pb2.Media(data=file))


def audio_part(file: bytes) -> types_pb2.Part:
    """Return a sound."""
    return types_pb2.Part(audio=types_pb2.Media(data=file))


def measure(model: str, repository: Path, rounds: int, count: int) -> dict[str, object]:
    """Run everything and return the figures."""
    served = served_model(read_card(repository, model), TritonSettings(model_repository=repository))
    files = {JPEG: [photo(seed) for seed in range(64)]}
    parts = {JPEG: [image_part(file) for file in files[JPEG]]}
    if Modality.AUDIO in served.media:
        seconds = read_card(repository, model).towers.audio.seconds  # type: ignore[union-attr]
        files |= {kind: [sound(seed, seconds, kind) for seed in range(32)] for kind in SOUNDS}
        parts |= {kind: [audio_part(file) for file in files[kind]] for kind in SOUNDS}
    figures: dict[str, object] = {"model": model}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        settings = {"SENSORIUM_TRITON__MODEL_REPOSITORY": str(repository.absolute())}
        mesh = stack.enter_context(running_mesh(folder, [model], **settings))
        generator = stack.enter_context(helper_process(load.serve_requests, mesh.address))
        bench = Bench(mesh, generator, count)
        for kind, found in files.items():
            raw = stack.enter_context(helper_process(*_raw(served, kind, repository)))
            bench.put(parts[kind])
            repeated = (found * (count // len(found) + 1))[:count]
            figures[kind] = _summary([bench.measure(raw, repeated, parts[kind]) for _ in range(rounds)])
        figures["mixed"] = [_mixed(bench, parts) for _ in range(rounds)]
        figures["memory_mb"] = mesh.peak_memory_bytes() / 1e6
        _flood(bench, served)
        figures["flooded_memory_mb"] = mesh.peak_memory_bytes() / 1e6
    return figures


def _raw(served: ServedModel, kind: str, repository: Path) -> tuple[Callable[..., None], Path, str, object]:
    tower = served.media[Modality.IMAGE if kind == JPEG else Modality.AUDIO]
    return raw_media.serve, repository / tower.model / "1" / "model.onnx", tower.input, tower.decoder


def _summary(measured: Sequence[Round]) -> dict[str, object]:
    medians = {key: statistics.median(asdict(each)[key] for each in measured) for key in asdict(measured[0])}
    ratios = sorted(each.ratio for each in measured)
    return {"ratio": statistics.median(ratios), "ratios": ratios, **medians}


def _mixed(bench: Bench, parts: dict[str, list[types_pb2.Part]]) -> dict[str, float]:
    """Return the seconds of 100 mixed contents in one call, and of the same by modality, one call after the other."""
    texts = [types_pb2.Part(text=f"text number {number}") for number in range(34)]
    kinds = [texts, *((parts[kind] * 2)[:33] for kind in (JPEG, SOUNDS[0]) if kind in parts)]
    alone = sum(
        statistics.median(bench.put(kind, batch=len(kind), callers=1, count=3 * len(kind)).seconds) for kind in kinds
    )
    mixed = [part for kind in kinds for part in kind]
    together = statistics.median(bench.put(mixed, batch=len(mixed), callers=1, count=3 * len(mixed)).seconds)
    return {"alone_seconds": alone, "mixed_seconds": together, "ratio": together / alone}


def _flood(bench: Bench, served: ServedModel) -> None:
    """Send the largest picture that is permitted, many times at once."""
    largest = getattr(served.media[Modality.IMAGE].decoder, "max_pixels", 0)
    side = int(largest**0.5)
    stream = io.BytesIO()
    Image.new("RGBA", (side, side), (200, 100, 50, 128)).save(stream, "PNG")
    bench.put([image_part(stream.getvalue())] * FLOOD, batch=2, callers=FLOOD // 2, count=FLOOD)


def show(figures: dict[str, object]) -> None:
    """Print the figures."""
    print(f"{'files/s':10}{'raw':>8}{'mesh':>8}{'ratio':>8}{'goal':>7}   CPU ms a file: raw | mesh + Triton")
    for kind in (JPEG, *SOUNDS):
        row = figures.get(kind)
        if isinstance(row, dict):
            print(
                f"{kind:10}{row['raw_rate']:8.0f}{row['mesh_rate']:8.0f}{row['ratio']:8.2f}{GOAL:7.2f}"
                f"   {row['raw_cpu_ms']:18.2f} | {row['mesh_cpu_ms']:.2f} + {row['triton_cpu_ms']:.2f}"
            )
    print("mixed batch of 100, as a share of its modalities one after the other (goal 1.00):", figures["mixed"])
    print(f"peak memory without Triton: {figures['memory_mb']:.0f} MB, {figures['flooded_memory_mb']:.0f} MB flooded")


def main() -> None:
    """Measure, print, and write JSON when asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="a model of the repository that takes images; two tiny towers without it")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each figure (default: 3)")
    parser.add_argument("--count", type=int, default=480, help="files of each measurement (default: 480)")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model, repository = arguments.model, ROOT / "model_repository"
        if not model:
            from tiny_model import NAME, write_repository

            model, repository = NAME, write_repository(Path(folder))
        started = time.monotonic()
        figures = measure(model, repository, arguments.rounds, arguments.count)
    show(figures)
    print(f"({time.monotonic() - started:.0f} s)")
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
