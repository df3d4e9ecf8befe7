"""The reference implementation of a sentence encoder: transformers, pooled as sentence-transformers does."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoTokenizer, BertModel

MAX_LENGTH = 256  # sentence_bert_config.json: max_seq_length


class Reference:
    """Encodes texts with the published weights, configuration and tokenizer of one folder."""

    def __init__(self, source: Path) -> None:
        self._tokenizer = AutoTokenizer.from_pretrained(source)
        self._model = BertModel.from_pretrained(source).eval()

    def ids(self, text: str) -> list[int]:
        """Returns the token ids of one text, special tokens included, cut at MAX_LENGTH."""
        return list(self._tokenizer(text.strip(), truncation=True, max_length=MAX_LENGTH)["input_ids"])

    @torch.inference_mode()
    def vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Returns unit vectors [len(texts), 384] of texts padded to the longest."""
        stripped = [text.strip() for text in texts]
        tokens = self._tokenizer(stripped, padding=True, truncation=True, max_length=MAX_LENGTH, return_tensors="pt")
        hidden = self._model(**tokens).last_hidden_state
        kept = tokens["attention_mask"].unsqueeze(-1).expand(hidden.size()).float()
        mean = (hidden * kept).sum(1) / kept.sum(1).clamp(min=1e-9)
        return torch.nn.functional.normalize(mean, p=2, dim=1).numpy()
