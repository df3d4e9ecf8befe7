"""Tells of every file of a model whether it is there and right, and how to get it where it is not."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from sensorium.triton.build import quantizing_recipe
from sensorium.triton.card import read_card, tokenizer_path, vocabulary_path
from sensorium.triton.manifest import Manifest, Quantized, read_manifest
from sensorium.triton.stamp import hash_file, read_stamp

_CHECK_OUT = "check it out again"


class FileState(StrEnum):
    """What is true of a file."""

    RIGHT = "right"
    MISSING = "missing"
    DAMAGED = "damaged"  # its content is not what it should be
    UNKNOWN = "unknown"  # no manifest names it


@dataclass(frozen=True, slots=True)
class FileCheck:
    """One file of a model; `remedy` says how to get it when it is not right."""

    path: Path
    state: FileState
    remedy: str = ""


def check_files(repository: Path, name: str) -> Iterator[FileCheck]:
    """Read every file of an embedding model and of its towers, whole, whatever their stamps say.

    Raises:
        NotFound: There is no such model, or a tower has no manifest.
        FailedPrecondition: A card or a manifest is wrong.
    """
    card = read_card(repository, name)
    if card.towers.text:
        tokenizer = tokenizer_path(repository, card, card.towers.text)
        yield _hashed(tokenizer, card.towers.text.tokenizer_sha256, _CHECK_OUT)
        vocabulary = vocabulary_path(repository, card, card.towers.text)
        if vocabulary and (named := card.towers.text.vocabulary) and named.tokenizer_sha256:
            yield _hashed(vocabulary, named.tokenizer_sha256, _CHECK_OUT)
    for model in dict.fromkeys(tower.model for tower in card.towers.all()):
        yield from _check_tower(repository, model)


def _check_tower(repository: Path, model: str) -> Iterator[FileCheck]:
    folder = repository / model
    manifest = read_manifest(folder)
    config = folder / "config.pbtxt"
    yield FileCheck(config, FileState.RIGHT) if config.is_file() else FileCheck(config, FileState.MISSING, _CHECK_OUT)
    if manifest.graph:
        yield _hashed(folder / manifest.graph.file, manifest.graph.sha256, _CHECK_OUT)
    if manifest.weights:
        get = f"`sensorium model {'pull' if manifest.weights.hub else 'build'} {model}`"
        yield _hashed(folder / manifest.weights.file, manifest.weights.sha256, get)
    if manifest.quantized:
        yield _check_quantized(repository, model, manifest.quantized)
    yield from _unknown(folder, manifest)


def _hashed(path: Path, sha256: str, remedy: str) -> FileCheck:
    if not path.is_file():
        return FileCheck(path, FileState.MISSING, remedy)
    if hash_file(path) != sha256:
        return FileCheck(path, FileState.DAMAGED, remedy)
    return FileCheck(path, FileState.RIGHT)


def _check_quantized(repository: Path, model: str, quantized: Quantized) -> FileCheck:
    """Hold a file that was made here to the hash that its stamp has kept, and its recipe to what it is today."""
    path, remedy = repository / model / quantized.file, f"`sensorium model build {model}`"
    stamp = read_stamp(path)
    if stamp is None or stamp.recipe != quantizing_recipe(read_manifest(repository / quantized.base)):
        return FileCheck(path, FileState.DAMAGED if path.is_file() else FileState.MISSING, remedy)
    return _hashed(path, stamp.sha256, remedy)


def _unknown(folder: Path, manifest: Manifest) -> Iterator[FileCheck]:
    """Find what lies in the version's folder without a place in the manifest; ONNX Runtime might read it."""
    named = {folder / part.file for part in (manifest.graph, manifest.weights, manifest.quantized) if part}
    known = named | {path.with_name(f"{path.name}.stamp") for path in named}
    for path in sorted((folder / "1").glob("*")):
        if path not in known and not path.name.startswith("."):
            yield FileCheck(path, FileState.UNKNOWN, "remove it")
