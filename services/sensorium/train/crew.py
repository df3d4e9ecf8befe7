"""Threads that share the work of a step: each takes a part of the batch through its own copy of the network.

One thread a core, each with its own share, wastes less than all cores on each operation in turn: nothing waits inside
a step, which matters most on machines that do other work besides.
"""

import copy
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor, nn

Loss = Callable[[nn.Module, int], Tensor]


class Crew:
    """Computes the gradients of a network; a given number of workers gives the same result every time."""

    def __init__(self, network: nn.Module, workers: int) -> None:
        """Work on `network`; the copies share its weights, and have gradients and running averages of their own."""
        self._copies = [network, *(_sharing(network) for _ in range(workers - 1))]
        self._threads = ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,))

    def backward(self, loss: Loss) -> float:
        """Leave in the network the mean of the workers' gradients, and return the mean of their losses.

        Args:
            loss: Given a network and the number of the worker, returns its loss.
        """
        losses = list(self._threads.map(lambda worker: self._work(loss, worker), range(len(self._copies))))
        own, *others = (list(each.parameters()) for each in self._copies)
        for index, parameter in enumerate(own):
            for other in others:
                parameter.grad.add_(other[index].grad)
                other[index].grad = None
            parameter.grad.div_(len(self._copies))
        return sum(losses) / len(losses)

    def _work(self, loss: Loss, worker: int) -> float:
        result = loss(self._copies[worker].train(), worker)
        result.backward()
        return float(result.detach())


def _sharing(network: nn.Module) -> nn.Module:
    """Return a copy of a network that shares its weights but not its buffers."""
    twin = copy.deepcopy(network)
    for mine, shared in zip(twin.parameters(), network.parameters(), strict=True):
        mine.data = shared.data
    return twin
