"""The best raw ONNX Runtime loop: what the hardware gives without servers, for the embedding benchmark to be held to.

Two threads, each with a session of one thread, as many as the inference server has. All texts are tokenised, sorted by
length and cut into batches under a token budget before the first is run, so padding costs next to nothing; the
budget is the best of several, tried first.
"""

import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from multiprocessing.connection import Connection
from pathlib import Path

os.environ["TOKENIZERS_PARALLELISM"] = "false"

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

THREADS = 2
MAX_TOKENS = 256
BUDGETS = (256, 512, 1024)


class RawLoop:
    """One ONNX file and one tokenizer, in this process."""

    def __init__(self, model: Path, tokenizer: Path) -> None:
        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._sessions = [self._session(model) for _ in range(THREADS)]
        self._pool = ThreadPoolExecutor(THREADS)

    def texts_per_second(self, texts: Sequence[str], budget: int) -> float:
        """Embed all texts once, tokenising included."""
        start = time.perf_counter()
        halves = self._pool.map(self._token_ids, [texts[thread::THREADS] for thread in range(THREADS)])
        # Long batches first, so that no thread is left with one at the end.
        waiting = iter(list(batches(sorted(chain.from_iterable(halves), key=len, reverse=True), budget)))
        list(self._pool.map(lambda session: self._drain(session, waiting), self._sessions))
        return len(texts) / (time.perf_counter() - start)

    def seconds_each(self, texts: Sequence[str]) -> list[float]:
        """Embed one text at a time on one session, tokenising included."""
        seconds = []
        for text in texts:
            start = time.perf_counter()
            self._run(self._sessions[0], self._token_ids([text]))
            seconds.append(time.perf_counter() - start)
        return seconds

    def _session(self, model: Path) -> onnxruntime.InferenceSession:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        return onnxruntime.InferenceSession(model, options)

    def _token_ids(self, texts: Sequence[str]) -> list[list[int]]:
        return [encoding.ids for encoding in self._tokenizer.encode_batch_fast(texts)]

    def _drain(self, session: onnxruntime.InferenceSession, waiting: Iterator[list[list[int]]]) -> None:
        for batch in waiting:  # a list iterator gives each batch to one thread
            self._run(session, batch)

    def _run(self, session: onnxruntime.InferenceSession, batch: list[list[int]]) -> None:
        length = max(map(len, batch))
        ids, mask = np.zeros((2, len(batch), length), np.int64)
        for row, tokens in enumerate(batch):
            ids[row, : len(tokens)] = tokens
            mask[row, : len(tokens)] = 1
        session.run(None, {"input_ids": ids, "attention_mask": mask})


def batches(sequences: list[list[int]], budget: int) -> Iterator[list[list[int]]]:
    """Cut sequences, longest first, into batches of at most `budget` tokens, padding included."""
    batch: list[list[int]] = []
    for sequence in sequences:
        if batch and len(batch[0]) * (len(batch) + 1) > budget:
            yield batch
            batch = []
        batch.append(sequence)
    yield batch


def serve(pipe: Connection, model: Path, tokenizer: Path, texts: Sequence[str]) -> None:
    """Answer "throughput" with texts and CPU seconds per text, "latency" with seconds, until the pipe closes."""
    loop = RawLoop(model, tokenizer)
    loop.seconds_each(texts[:50])
    warm = texts[: len(texts) // 4]
    budget = max(BUDGETS, key=lambda each: loop.texts_per_second(warm, each))
    pipe.send(budget)
    while True:
        try:
            question, count = pipe.recv()
        except EOFError:
            return
        if question == "latency":
            pipe.send(loop.seconds_each(texts[:count]))
        else:
            before = time.process_time()
            rate = loop.texts_per_second(texts[:count], budget)
            pipe.send((rate, (time.process_time() - before) / count))
