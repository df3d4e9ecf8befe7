"""The models of the repository load into a real Triton, warm up there, and give the reference's vectors."""

import asyncio
import base64
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
from numpy.typing import NDArray

from sensorium.settings import TritonSettings
from sensorium.triton.supervisor import Supervisor

pytestmark = pytest.mark.asyncio(loop_scope="module")
ROOT = Path(__file__).parents[2]
MODELS = ("all-minilm-l6-v2", "all-minilm-l6-v2-int8")
CASES = json.loads((ROOT / "tests" / "unit" / "golden" / "all-minilm-l6-v2.json").read_text())
IDS = [case["ids"] for case in CASES]
EXPECTED = np.stack([np.frombuffer(base64.b64decode(case["vector"]), "<f4") for case in CASES])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def triton() -> AsyncIterator[Supervisor]:
    settings = TritonSettings(
        environment=Path(os.environ.get("SENSORIUM_TRITON__ENVIRONMENT", ROOT / ".venv-triton")),
        model_repository=ROOT / "model_repository",
        models=MODELS,
        config_name="cpu",
    )
    async with Supervisor(settings, {}) as supervisor:
        await supervisor.wait_ready(60)
        yield supervisor


async def embed(triton: Supervisor, model: str, ids: list[list[int]], length: int) -> NDArray[np.generic]:
    """Run one batch padded to `length`."""
    tokens, mask = np.zeros((2, len(ids), length), np.int64)
    for row, text in enumerate(ids):
        tokens[row, : len(text)], mask[row, : len(text)] = text, 1
    inputs = {"input_ids": tokens, "attention_mask": mask}
    return (await triton.infer(model, inputs, ["sentence_embedding"], priority=1))["sentence_embedding"]


async def test_every_model_loads_and_warms_up(triton: Supervisor) -> None:
    assert {model: triton.state.models[model].error for model in MODELS} == dict.fromkeys(MODELS, "")


async def test_a_batch_gives_the_references_vectors(triton: Supervisor) -> None:
    vectors = await embed(triton, MODELS[0], IDS, 256)
    assert np.abs(vectors - EXPECTED).max() <= 1e-5


async def test_concurrent_texts_give_the_references_vectors(triton: Supervisor) -> None:
    answers = await asyncio.gather(*(embed(triton, MODELS[0], [ids], len(ids)) for ids in IDS))
    assert np.abs(np.concatenate(answers) - EXPECTED).max() <= 1e-5


async def test_the_quantised_model_is_near(triton: Supervisor) -> None:
    vectors = await embed(triton, MODELS[1], IDS, 256)
    assert np.sum(vectors * EXPECTED, axis=1).mean() > 0.98
