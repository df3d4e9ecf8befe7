"""What workers of training code run, in a module that a spawned process can import."""

import pickle
from collections.abc import Sequence

from sensorium import LoadedDataset, Sample


def words(sample: Sample) -> str:
    return f"{sample.data.decode()} {' '.join(sample.record.tags.effective)}".strip()


_in_worker: dict[str, LoadedDataset[str]] = {}


def begin(pickled: bytes) -> None:
    _in_worker["dataset"] = pickle.loads(pickled)


def fetch(places: Sequence[int]) -> list[str]:
    """What PyTorch's fetcher does with a batch of a map-style dataset."""
    return _in_worker["dataset"].__getitems__(places)
