"""The moving average of a network's weights over its steps: steadier than the weights of any one step."""

import copy

import torch
from torch import nn


class Average:
    """A copy of a network that follows it slowly; the copy is what is evaluated and shipped."""

    def __init__(self, network: nn.Module, keep: float) -> None:
        """Follow `network`, keeping `keep` of the average at each step (less in the first steps)."""
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self._keep = keep

    @torch.no_grad()
    def follow(self, network: nn.Module, step: int) -> None:
        """Take in the weights after a step, counted from 0."""
        keep = min(self._keep, (1 + step) / (10 + step))
        followed = network.state_dict()
        for name, mine in self.network.state_dict().items():
            if mine.is_floating_point():
                mine.lerp_(followed[name], 1 - keep)
            else:
                mine.copy_(followed[name])
