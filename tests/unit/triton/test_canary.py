"""What a canary lets pass and what it catches."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from sensorium.ports import Tensor
from sensorium.triton.canary import CanaryFailed, ContentCanary, text_canary

INPUTS = [{"x": np.array([row], np.float32)} for row in ([3, 4], [4, 3])]


@dataclass
class Computes:
    """A server whose model applies a function to `x`."""

    function: Callable[[Tensor], Tensor]

    async def infer(
        self, model: str, inputs: Mapping[str, Tensor], outputs: Sequence[str], *, priority: int = 0
    ) -> dict[str, Tensor]:
        return {outputs[0]: self.function(inputs["x"])}

    async def ready(self, model: str) -> bool:
        return True


def unit(x: Tensor) -> Tensor:
    return x / np.linalg.norm(x)


async def test_right_content_passes() -> None:
    canary = ContentCanary("m", INPUTS, "y", unit_norm=True, expected=[unit(tensors["x"]) for tensors in INPUTS])
    await canary.check(Computes(unit))


async def test_half_precision_passes_for_single() -> None:
    canary = ContentCanary("m", INPUTS, "y", unit_norm=True, expected=[unit(tensors["x"]) for tensors in INPUTS])
    await canary.check(Computes(lambda x: unit(x).astype(np.float16)))


@pytest.mark.parametrize(
    ("function", "what"),
    [
        (np.zeros_like, "length 0"),
        (lambda x: x * np.float32("nan"), "not finite"),
        (lambda x: x[:, :0], "empty"),
        (lambda x: x, "length 5"),
        (lambda x: np.array([[1, 0]], np.float32), "differing inputs with the same"),
        (lambda x: unit(x)[:, ::-1], "another y than it should"),
        (lambda x: np.append(unit(x), [[0]], axis=1), "3 values of y, not 2"),
    ],
    ids=["zeros", "nan", "empty", "not a unit", "constant", "mixed up", "too long"],
)
async def test_wrong_content_is_caught(function: Callable[[Tensor], Tensor], what: str) -> None:
    canary = ContentCanary("m", INPUTS, "y", unit_norm=True, expected=[unit(tensors["x"]) for tensors in INPUTS])
    with pytest.raises(CanaryFailed, match=what):
        await canary.check(Computes(function))


async def test_a_text_canary_asks_for_two_texts_of_known_ids() -> None:
    asked: list[Mapping[str, Tensor]] = []

    class Texts(Computes):
        async def infer(
            self, model: str, inputs: Mapping[str, Tensor], outputs: Sequence[str], *, priority: int = 0
        ) -> dict[str, Tensor]:
            asked.append(inputs)
            return {outputs[0]: unit(inputs["input_ids"].astype(np.float32))}

    await text_canary("m", "vector", unit_norm=True).check(Texts(unit))
    assert [(tensor.dtype.name, tensor.shape) for inputs in asked for tensor in inputs.values()] == [
        ("int64", (1, 8))
    ] * 4
