"""The best raw loop for images and sounds: the same decoder and ONNX Runtime in one process, without servers."""

import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import onnxruntime

from sensorium.media.decoded import Decoder

THREADS = 2
BATCH = 16


class RawLoop:
    """Two threads, each of which decodes a batch and runs it on a session of one thread."""

    def __init__(self, graph: Path, tensor: str, decoder: Decoder) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._sessions = [onnxruntime.InferenceSession(graph, options) for _ in range(THREADS)]
        self._tensor, self._decoder = tensor, decoder
        self._pool = ThreadPoolExecutor(THREADS)

    def per_second(self, files: Sequence[bytes]) -> float:
        """Decode and embed all files once."""
        start = time.perf_counter()
        waiting = iter([files[first : first + BATCH] for first in range(0, len(files), BATCH)])
        list(self._pool.map(lambda session: self._drain(session, waiting), self._sessions))
        return len(files) / (time.perf_counter() - start)

    def _drain(self, session: onnxruntime.InferenceSession, waiting: Iterator[Sequence[bytes]]) -> None:
        for batch in waiting:  # a list iterator gives each batch to one thread
            session.run(None, {self._tensor: np.stack([self._decoder.decode(file).tensor for file in batch])})


def serve(pipe: Connection, graph: Path, tensor: str, decoder: Decoder) -> None:
    """Answer files with how many there are in a second, and the CPU seconds of each, until the pipe closes."""
    os.environ["OMP_NUM_THREADS"] = "1"
    loop = RawLoop(graph, tensor, decoder)
    while True:
        try:
            files = pipe.recv()
        except EOFError:
            return
        before = time.process_time()
        rate = loop.per_second(files)
        pipe.send((rate, (time.process_time() - before) / len(files)))
