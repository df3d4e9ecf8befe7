"""Datasets for training code: the files of a version as a sequence that a PyTorch `DataLoader` takes."""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Generic, Self, TypedDict, TypeVar, Unpack, overload

import numpy as np
from numpy.typing import NDArray

from sensorium.client.synchronous import Client
from sensorium.model.dataset_file import Sample

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
ID_BYTES = 16
BATCH = 256


class ClientOptions(TypedDict, total=False):
    """The arguments of `Client`."""

    address: str
    api_key: str
    tls_ca: str | Path
    timeout: float
    workspace: str
    retries: int


def itself(sample: Sample) -> Sample:
    """Return a sample as it is."""
    return sample


class LoadedDataset(Generic[T_co]):
    """The files of a version, fetched when they are asked for: `len(files)`, `files[0]`, `for each in files`.

    It is map-style and can be pickled, and has `__getitems__`, so that PyTorch's `DataLoader` fetches a batch in few
    calls, in as many workers as it likes. It holds 16 bytes for each file, and opens a connection of its own in every
    process that asks it for a file; leaving its block, or `close`, closes it. Workers must be spawned
    (`multiprocessing_context="spawn"`): gRPC does not survive a fork. A pickle holds the API key when one was given.

    Args:
        dataset: The dataset.
        version: The number of the version.
        ids: The ids of the files, (n, 16) of uint8.
        transform: What is done to each sample, in the process that asks for it; it must be picklable for workers.
        with_bytes: Whether the bytes of files are read.
        client: The arguments of `Client`.
    """

    def __init__(
        self,
        dataset: str,
        version: int,
        ids: NDArray[np.uint8],
        *,
        transform: Callable[[Sample], T_co],
        with_bytes: bool,
        client: ClientOptions,
    ) -> None:
        self.dataset = dataset
        self.version = version
        self._ids = ids
        self._transform = transform
        self._with_bytes = with_bytes
        self._arguments = client
        self._opened: tuple[int, Client] | None = None

    def __len__(self) -> int:
        return len(self._ids)

    def __repr__(self) -> str:
        return f"LoadedDataset({self.dataset!r}, version {self.version}, {len(self):,} files)"

    def __getitem__(self, place: int) -> T_co:
        """Return one file. Raises IndexError, and NotFound for a file that is gone since the dataset was loaded."""
        return self.__getitems__([place])[0]

    def __getitems__(self, places: Sequence[int]) -> list[T_co]:
        """Return some files, in that order; what `DataLoader` calls with a batch."""
        ids = [f"f{self._ids[place].tobytes().hex()}" for place in places]
        found: list[T_co] = []
        for start in range(0, len(ids), BATCH):
            samples = self._client().datasets.samples(
                self.dataset, self.version, ids[start : start + BATCH], with_bytes=self._with_bytes
            )
            found += map(self._transform, samples)
        return found

    def __iter__(self) -> Iterator[T_co]:
        for start in range(0, len(self), BATCH):
            yield from self.__getitems__(range(start, min(start + BATCH, len(self))))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_opened": None}

    def close(self) -> None:
        """Close the connection of this process; the next file opens another."""
        if self._opened and self._opened[0] == os.getpid():
            self._opened[1].__exit__(None, None, None)
        self._opened = None

    def _client(self) -> Client:
        if self._opened is None or self._opened[0] != os.getpid():
            self._opened = (os.getpid(), Client(**self._arguments).__enter__())
        return self._opened[1]


@overload
def load_dataset(
    dataset: str,
    version: int = 0,
    *,
    filter: str = "",
    with_bytes: bool = True,
    **client: Unpack[ClientOptions],
) -> LoadedDataset[Sample]: ...


@overload
def load_dataset(
    dataset: str,
    version: int = 0,
    *,
    filter: str = "",
    transform: Callable[[Sample], T],
    with_bytes: bool = True,
    **client: Unpack[ClientOptions],
) -> LoadedDataset[T]: ...


def load_dataset(
    dataset: str,
    version: int = 0,
    *,
    filter: str = "",
    transform: Callable[[Sample], object] = itself,
    with_bytes: bool = True,
    **client: Unpack[ClientOptions],
) -> LoadedDataset[object]:
    """Return the files of a version for training: their ids are read now, 10,000 a call, all else when it is asked for.

    Files are in the order of their URIs. A published version always gives the same; of a draft files may vanish.

    Args:
        dataset: The dataset's id or name.
        version: The number of the version; 0 means the latest.
        filter: Only files that satisfy it (docs/datasets.md).
        transform: What is made of each `Sample` (`record`, `data`), where it is asked for; without it the sample.
        with_bytes: Whether the bytes of files are read; without them `data` is empty.
        client: The arguments of `Client`: `address`, `api_key`, `tls_ca`, `timeout`, `workspace`, `retries`.

    Raises:
        NotFound: There is no such dataset or version.
    """
    with Client(**client) as mesh:
        number = version or mesh.datasets.get(dataset).latest.name.number
        pages = [_packed(ids) for ids in mesh.datasets.file_ids(dataset, number, filter=filter)]
    table = np.concatenate(pages).reshape(-1, ID_BYTES)
    return LoadedDataset(dataset, number, table, transform=transform, with_bytes=with_bytes, client=client)


def _packed(ids: Sequence[str]) -> NDArray[np.uint8]:
    """Return what ids say behind their first letter."""
    return np.frombuffer(bytes.fromhex("".join(each[1:] for each in ids)), np.uint8)
