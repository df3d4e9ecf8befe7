"""Datasets for code without an event loop: every method of the async ones, waited for."""

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from sensorium.client.datasets import AsyncDatasets
from sensorium.client.loop_thread import LoopThread

P = ParamSpec("P")
R = TypeVar("R")


def _waited(
    method: Callable[Concatenate[AsyncDatasets, P], Coroutine[Any, Any, R]],
) -> Callable[Concatenate["Datasets", P], R]:
    """Return the method that waits for `method`."""

    @wraps(method)
    def call(datasets: "Datasets", /, *args: P.args, **kwargs: P.kwargs) -> R:
        return datasets._thread().run(method(datasets._wrapped, *args, **kwargs))

    return call


def _iterated(
    method: Callable[Concatenate[AsyncDatasets, P], AsyncIterator[R]],
) -> Callable[Concatenate["Datasets", P], Iterator[R]]:
    """Return the method that yields what `method` yields."""

    @wraps(method)
    def call(datasets: "Datasets", /, *args: P.args, **kwargs: P.kwargs) -> Iterator[R]:
        return datasets._thread().iterate(method(datasets._wrapped, *args, **kwargs))

    return call


class Datasets:
    """The datasets of a workspace: `mesh.datasets` of a `Client`, with the methods of `AsyncDatasets`."""

    def __init__(self, wrapped: AsyncDatasets, thread: Callable[[], LoopThread]) -> None:
        self._wrapped = wrapped
        self._thread = thread

    create = _waited(AsyncDatasets.create)
    get = _waited(AsyncDatasets.get)
    list = _iterated(AsyncDatasets.list)
    change = _waited(AsyncDatasets.change)
    delete = _waited(AsyncDatasets.delete)
    create_version = _waited(AsyncDatasets.create_version)
    version = _waited(AsyncDatasets.version)
    watch_copy = _iterated(AsyncDatasets.watch_copy)
    versions = _iterated(AsyncDatasets.versions)
    delete_version = _waited(AsyncDatasets.delete_version)
    publish = _waited(AsyncDatasets.publish)
    diff = _iterated(AsyncDatasets.diff)
    create_connection = _waited(AsyncDatasets.create_connection)
    connections = _iterated(AsyncDatasets.connections)
    check_connection = _waited(AsyncDatasets.check_connection)
    change_connection = _waited(AsyncDatasets.change_connection)
    delete_connection = _waited(AsyncDatasets.delete_connection)
    files = _iterated(AsyncDatasets.files)
    file_ids = _iterated(AsyncDatasets.file_ids)
    find = _waited(AsyncDatasets.find)
    read = _waited(AsyncDatasets.read)
    samples = _waited(AsyncDatasets.samples)
    statistics = _waited(AsyncDatasets.statistics)
    search = _waited(AsyncDatasets.search)
    search_pages = _iterated(AsyncDatasets.search_pages)
    explain = _waited(AsyncDatasets.explain)
    near_duplicates = _iterated(AsyncDatasets.near_duplicates)
    add_files = _waited(AsyncDatasets.add_files)
    change_files = _waited(AsyncDatasets.change_files)
    delete_files = _waited(AsyncDatasets.delete_files)
    thumbnail = _waited(AsyncDatasets.thumbnail)
    edit_tags = _waited(AsyncDatasets.edit_tags)
    history = _iterated(AsyncDatasets.history)
    start = _waited(AsyncDatasets.start)
    jobs = _iterated(AsyncDatasets.jobs)
    job = _waited(AsyncDatasets.job)
    change_job = _waited(AsyncDatasets.change_job)
    delete_job = _waited(AsyncDatasets.delete_job)
    watch = _iterated(AsyncDatasets.watch)
    pause = _waited(AsyncDatasets.pause)
    resume = _waited(AsyncDatasets.resume)
    cancel = _waited(AsyncDatasets.cancel)
    retry = _waited(AsyncDatasets.retry)
    job_files = _iterated(AsyncDatasets.job_files)
