"""Where the embed tests find a real tokenizer."""

from pathlib import Path

TOKENIZER = Path(__file__).resolve().parents[3] / "model_repository" / "all-minilm-l6-v2" / "tokenizer.json"
