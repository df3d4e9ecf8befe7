"""Canaries: inferences that show a model computes, not only that it answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import Reason, Unavailable
from sensorium.ports import InferenceServer, Tensor

_UNIT_TOLERANCE = 1e-2  # FP16 rounds a vector's length by less


class CanaryFailed(Unavailable):
    """A model answers, but with content that cannot be right."""

    default_reason = Reason.MODEL_NOT_READY


class Canary(Protocol):
    """Decides whether a model may serve."""

    async def check(self, server: InferenceServer) -> None:
        """Run the canary. Raises CanaryFailed, or the server's own error when there is no answer."""
        ...


@dataclass(frozen=True, slots=True)
class ContentCanary:
    """Checks one output of one model on a few inputs that differ.

    Attributes:
        model: The Triton model.
        inputs: Two or more sets of input tensors, each a batch of one.
        output: The output to look at, float, shape [1, ...].
        unit_norm: Whether the output is a vector of length 1.
        expected: The outputs to be near to, one for each of `inputs`; empty checks none.
        least_cosine: How near: the least cosine similarity with `expected`, so that one value holds for FP32 and FP16.
    """

    model: str
    inputs: Sequence[Mapping[str, Tensor]]
    output: str
    unit_norm: bool = False
    expected: Sequence[NDArray[np.floating]] = ()
    least_cosine: float = 0.99

    async def check(self, server: InferenceServer) -> None:
        """Run every input, one after the other, and look at what comes back."""
        answers = [await self._ask(server, tensors) for tensors in self.inputs]
        for answer in answers:
            self._check_values(answer)
        if all(np.array_equal(answers[0], answer) for answer in answers[1:]):
            raise CanaryFailed(f"model {self.model!r} answers differing inputs with the same {self.output}")
        for answer, expected in zip(answers, self.expected, strict=bool(self.expected)):
            self._check_near(answer, expected.astype(np.float64).ravel())

    async def _ask(self, server: InferenceServer, tensors: Mapping[str, Tensor]) -> NDArray[np.float64]:
        # Before waiting work: a canary behind a long queue would tell of load, not of health.
        answer = await server.infer(self.model, tensors, [self.output], priority=1)
        return answer[self.output].astype(np.float64).ravel()

    def _check_values(self, answer: NDArray[np.float64]) -> None:
        if not answer.size or not np.isfinite(answer).all():
            raise CanaryFailed(f"model {self.model!r} answers with an empty or not finite {self.output}")
        norm = float(np.linalg.norm(answer))
        if norm == 0 or (self.unit_norm and abs(norm - 1) > _UNIT_TOLERANCE):
            raise CanaryFailed(f"model {self.model!r} answers with a {self.output} of length {norm:.4g}")

    def _check_near(self, answer: NDArray[np.float64], expected: NDArray[np.float64]) -> None:
        if answer.shape != expected.shape:
            raise CanaryFailed(
                f"model {self.model!r} answers with {answer.size} values of {self.output}, not {expected.size}"
            )
        cosine = float(answer @ expected / (np.linalg.norm(answer) * np.linalg.norm(expected)))
        if cosine < self.least_cosine:
            raise CanaryFailed(
                f"model {self.model!r} answers with another {self.output} than it should: cosine {cosine:.4f}"
            )


def text_canary(model: str, output: str, *, unit_norm: bool) -> ContentCanary:
    """Return a canary for a model of texts that takes `input_ids` and `attention_mask`, int64 [batch, length].

    Its ids are low ones, which every vocabulary has.
    """
    inputs = [
        {"input_ids": ids, "attention_mask": np.ones_like(ids)}
        for ids in (np.arange(first, first + 8, dtype=np.int64)[None] for first in (1, 11))
    ]
    return ContentCanary(model, inputs, output, unit_norm=unit_norm)


def image_canary(model: str, tensor: str, output: str, shape: tuple[int, ...], *, unit_norm: bool) -> ContentCanary:
    """Return a canary for a model of images that takes `tensor`, uint8 [batch, *shape]: two pictures of noise."""
    noise = np.random.default_rng(0)
    inputs = [{tensor: noise.integers(0, 256, (1, *shape), np.uint8)} for _ in range(2)]
    return ContentCanary(model, inputs, output, unit_norm=unit_norm)


def joint_canary(model: str, tensor: str, output: str, shape: tuple[int, ...], *, unit_norm: bool) -> ContentCanary:
    """Return a canary for a model of texts with images, which takes what those for one of them take."""
    texts = text_canary(model, output, unit_norm=unit_norm).inputs
    images = image_canary(model, tensor, output, shape, unit_norm=unit_norm).inputs
    inputs = [{**text, **image} for text, image in zip(texts, images, strict=True)]
    return ContentCanary(model, inputs, output, unit_norm=unit_norm)


def audio_canary(model: str, tensor: str, output: str, sample_count: int, *, unit_norm: bool) -> ContentCanary:
    """Return a canary for a model of sound that takes `tensor`, float32 [batch, sample_count]: noise, and a hum."""
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (1, sample_count)).astype(np.float32)
    hum = (0.5 * np.sin(np.arange(sample_count, dtype=np.float32) / 8))[None]
    return ContentCanary(model, [{tensor: noise}, {tensor: hum}], output, unit_norm=unit_norm)
