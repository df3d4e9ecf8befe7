"""The text tower as training sees it: sentences in, vectors out, in one process and without a mesh."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
from tokenizers import Encoding, Tokenizer

from sensorium.errors import NotFound

_BATCH = 64


class TextTower:
    """Computes a text model's vectors; they never change, so each is computed once by whoever needs it."""

    def __init__(self, session: Any, tokenizer: Tokenizer) -> None:
        """Take an ONNX Runtime session, and a tokenizer that cuts at the model's length."""
        self._session = session
        self._tokenizer = tokenizer

    @classmethod
    def open(cls, repository: Path, model: str, threads: int) -> "TextTower":
        """Load a built model of the repository.

        Raises:
            NotFound: It is not built.
        """
        folder = repository / model
        graph, tokenizer = folder / "1" / "model.onnx", folder / "tokenizer.json"
        for path in (graph, tokenizer, graph.with_name("model.safetensors")):
            if not path.is_file():
                raise NotFound(f"{path} does not exist: run sensorium model build {model}")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        reader = Tokenizer.from_file(str(tokenizer))
        reader.no_padding()
        reader.enable_truncation(256)
        return cls(session, reader)

    def embed(self, sentences: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return float32 [count, dimension], each of length 1, in order."""
        encodings = self._tokenizer.encode_batch(list(sentences))
        order = sorted(range(len(encodings)), key=lambda index: len(encodings[index].ids))
        batches = [order[start : start + _BATCH] for start in range(0, len(order), _BATCH)]
        rows = np.concatenate([self._run([encodings[index] for index in batch]) for batch in batches])
        vectors = np.empty_like(rows)
        vectors[order] = rows
        return vectors

    def _run(self, encodings: Sequence[Encoding]) -> npt.NDArray[np.float32]:
        length = max(len(encoding.ids) for encoding in encodings)
        ids = np.zeros((len(encodings), length), np.int64)
        mask = np.zeros_like(ids)
        for row, encoding in enumerate(encodings):
            ids[row, : len(encoding.ids)] = encoding.ids
            mask[row, : len(encoding.ids)] = 1
        outputs: list[npt.NDArray[np.float32]] = self._session.run(None, {"input_ids": ids, "attention_mask": mask})
        return outputs[0]
