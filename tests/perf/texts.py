"""The texts that the embedding benchmark uses: real ones of mixed length."""

import json
import os
import random
import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
_BUNDLED = _ROOT / "samples"


def load_texts(count: int, seed: int = 7) -> list[str]:
    """Return `count` passages and questions, drawn at random but always the same.

    From text_ir in `SENSORIUM_TEST_DATA` (default ../shared/data), every set in it; else from the bundled samples.
    """
    folder = Path(os.environ.get("SENSORIUM_TEST_DATA", _ROOT.parent / "shared" / "data")) / "text_ir"
    files = sorted(folder.glob("*/corpus.jsonl")) + sorted(folder.glob("*/queries.jsonl"))
    if not files:
        print(f"note: {folder} is not there; using the bundled samples, whose lengths differ", file=sys.stderr)
        files = [_BUNDLED / "passages.jsonl", _BUNDLED / "questions.jsonl"]
    texts = [json.loads(line)["text"] for file in files for line in file.read_text().splitlines() if line]
    drawn = random.Random(seed)
    drawn.shuffle(texts)
    return [texts[index % len(texts)] for index in range(count)]
