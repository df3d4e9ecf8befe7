"""What training minimises: vectors told apart by their texts, among classes and among captions."""

import torch
from torch import Tensor, nn
from torch.nn import functional

# Similarities are divided by no less, so that a confident network cannot sharpen them without end.
COLDEST = 0.01


class Temperature(nn.Module):
    """What similarities are divided by before the softmax; learned, as a logarithm."""

    def __init__(self, initial: float) -> None:
        """Start at `initial`."""
        super().__init__()
        self.logarithm = nn.Parameter(torch.tensor(float(initial)).log())

    def forward(self, similarities: Tensor) -> Tensor:
        """Return logits."""
        return similarities / self.logarithm.exp().clamp(min=COLDEST)


def smoothed_targets(classes: Tensor, share: float) -> Tensor:
    """Return [classes, classes]: each class's target, with `share` of it spread by how like the names are.

    Args:
        classes: float32 [classes, dimension], of length 1.
        share: What goes to other classes, the likest most.
    """
    likeness = (classes @ classes.T) / 0.1
    likeness.fill_diagonal_(-torch.inf)
    return (1 - share) * torch.eye(len(classes)) + share * likeness.softmax(dim=1)


def class_loss(vectors: Tensor, classes: Tensor, targets: Tensor, temperature: Temperature) -> Tensor:
    """Return the cross-entropy of vectors [batch, dimension] among class names, against targets [batch, classes]."""
    return functional.cross_entropy(temperature(vectors @ classes.T), targets)


def caption_loss(vectors: Tensor, captions: Tensor, negatives: Tensor, temperature: Temperature) -> Tensor:
    """Return the contrastive loss of a batch of photos and captions, both ways.

    Each photo is told from the other captions of the batch and from its own hard negatives; each caption from the
    other photos of the batch.

    Args:
        vectors: float32 [batch, dimension], of length 1.
        captions: float32 [batch, dimension], of length 1: the caption of each photo.
        negatives: float32 [batch, count, dimension]: like captions of other photos.
        temperature: What the similarities are divided by.
    """
    similarities = vectors @ captions.T
    hard = torch.einsum("bd,bnd->bn", vectors, negatives)
    own = torch.arange(len(vectors))
    by_photo = functional.cross_entropy(temperature(torch.cat((similarities, hard), dim=1)), own)
    by_caption = functional.cross_entropy(temperature(similarities.T), own)
    return (by_photo + by_caption) / 2
