"""A BERT sentence encoder in plain torch, written so that its exported graph stays small and fusible."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

# Added to the score of a padded position: exp() of it is exactly 0 in float32, and unlike
# float32's minimum it stays finite in float16, so a padded row cannot turn into NaN there.
MASKED = -10000.0


def gelu(inner: Tensor) -> Tensor:
    """Computes the exact GELU; the order of the factors is the one that runtimes fuse."""
    return inner * (torch.erf(inner / math.sqrt(2.0)) + 1.0) * 0.5


class Embeddings(nn.Module):
    """Sums word, position and (all-zero) token-type embeddings."""

    def __init__(self, vocabulary: int, positions: int, width: int, eps: float) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(vocabulary, width)
        self.position_embeddings = nn.Embedding(positions, width)
        self.token_type_embeddings = nn.Embedding(2, width)
        self.LayerNorm = nn.LayerNorm(width, eps=eps)

    def forward(self, input_ids: Tensor) -> Tensor:
        """Maps int64 [batch, length] to float32 [batch, length, width]."""
        positions = self.position_embeddings.weight[: input_ids.shape[1]]
        summed = self.word_embeddings(input_ids) + self.token_type_embeddings.weight[0] + positions
        return self.LayerNorm(summed)


class SelfAttention(nn.Module):
    """Multi-head scaled dot-product attention, written out so that the runtime can fuse it."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)

    def forward(self, hidden: Tensor, bias: Tensor) -> Tensor:
        """Attends [batch, length, width] to itself under an additive bias [batch, 1, 1, length]."""
        width = hidden.shape[-1]
        head_width = width // self.heads

        def split(projected: Tensor) -> Tensor:
            return projected.unflatten(-1, (self.heads, head_width)).transpose(1, 2)

        query, key, value = (split(project(hidden)) for project in (self.query, self.key, self.value))
        scores = torch.matmul(query, key.transpose(-1, -2)) / math.sqrt(head_width) + bias
        return torch.matmul(torch.softmax(scores, dim=-1), value).transpose(1, 2).flatten(2)


class Residual(nn.Module):
    """Projects, adds the skip connection and normalises (post-norm, as in BERT)."""

    def __init__(self, inner: int, width: int, eps: float) -> None:
        super().__init__()
        self.dense = nn.Linear(inner, width)
        self.LayerNorm = nn.LayerNorm(width, eps=eps)

    def forward(self, hidden: Tensor, skip: Tensor) -> Tensor:
        """Maps [batch, length, inner] and the input of the block to [batch, length, width]."""
        return self.LayerNorm(self.dense(hidden) + skip)


class Layer(nn.Module):
    """One transformer block; the attribute names are those of the published weights."""

    def __init__(self, width: int, heads: int, inner: int, eps: float) -> None:
        super().__init__()
        self.attention = nn.ModuleDict({"self": SelfAttention(width, heads), "output": Residual(width, width, eps)})
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(width, inner)})
        self.output = Residual(inner, width, eps)

    def forward(self, hidden: Tensor, bias: Tensor) -> Tensor:
        """Maps [batch, length, width] to the same shape, under the bias of `SelfAttention`."""
        attended = self.attention["output"](self.attention["self"](hidden, bias), hidden)
        return self.output(gelu(self.intermediate["dense"](attended)), attended)


class SentenceEncoder(nn.Module):
    """BERT, masked mean pooling and L2 normalisation, as sentence-transformers computes them."""

    def __init__(
        self,
        *,
        vocabulary: int,
        positions: int,
        width: int,
        heads: int,
        layers: int,
        inner: int,
        eps: float,
    ) -> None:
        super().__init__()
        self.embeddings = Embeddings(vocabulary, positions, width, eps)
        blocks = (Layer(width, heads, inner, eps) for _ in range(layers))
        self.encoder = nn.ModuleDict({"layer": nn.ModuleList(blocks)})

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Maps two int64 [batch, length] tensors to unit vectors, float32 [batch, width]."""
        bias = (1.0 - attention_mask.unsqueeze(1).unsqueeze(2).float()) * MASKED
        hidden = self.embeddings(input_ids)
        for layer in self.encoder["layer"]:
            hidden = layer(hidden, bias)
        kept = attention_mask.unsqueeze(-1).float()
        mean = (hidden * kept).sum(dim=1) / kept.sum(dim=1).clamp(min=1e-9)
        # torch's normalize(), with the norm spelled out: ReduceL2 would need opset 18.
        return mean / mean.square().sum(dim=1, keepdim=True).sqrt().clamp(min=1e-12)
