"""The client for code without an event loop: every method of the async one, waited for."""

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from functools import wraps
from pathlib import Path
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from sensorium.client.asynchronous import AsyncClient, Connect
from sensorium.client.connection import connect
from sensorium.client.loop_thread import LoopThread
from sensorium.client.synchronous_datasets import Datasets
from sensorium.model.names import DEFAULT_WORKSPACE

P = ParamSpec("P")
R = TypeVar("R")


def _waited(
    method: Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, R]],
) -> Callable[Concatenate["Client", P], R]:
    """Return the method of `Client` that waits for `method`."""

    @wraps(method)
    def call(client: "Client", /, *args: P.args, **kwargs: P.kwargs) -> R:
        return client._running.run(method(client._client, *args, **kwargs))

    return call


def _iterated(
    method: Callable[Concatenate[AsyncClient, P], AsyncIterator[R]],
) -> Callable[Concatenate["Client", P], Iterator[R]]:
    """Return the method of `Client` that yields what `method` yields."""

    @wraps(method)
    def call(client: "Client", /, *args: P.args, **kwargs: P.kwargs) -> Iterator[R]:
        return client._running.iterate(method(client._client, *args, **kwargs))

    return call


class Client:
    """Calls a mesh: `with Client() as mesh: mesh.embed(["a red bicycle"])`.

    Takes the arguments of `AsyncClient`, whose methods it has. Safe to share between threads. Iterables and callbacks
    that a method is given run on the client's own thread, and must not call the client.
    """

    def __init__(
        self,
        address: str | None = None,
        *,
        api_key: str | None = None,
        tls_ca: str | Path | None = None,
        timeout: float = 30.0,
        workspace: str = DEFAULT_WORKSPACE,
        retries: int = 5,
        connect: Connect = connect,
    ) -> None:
        self._client = AsyncClient(
            address,
            api_key=api_key,
            tls_ca=tls_ca,
            timeout=timeout,
            workspace=workspace,
            retries=retries,
            connect=connect,
        )
        self._thread: LoopThread | None = None
        self.datasets = Datasets(self._client.datasets, lambda: self._running)

    def __enter__(self) -> Self:
        thread = LoopThread()
        try:
            thread.run(self._client.__aenter__())
        except BaseException:
            thread.stop()
            raise
        self._thread = thread
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        thread, self._thread = self._running, None
        try:
            thread.run(self._client.__aexit__(kind, error, trace))
        finally:
            thread.stop()

    usage = _iterated(AsyncClient.usage)
    models = _waited(AsyncClient.models)
    model = _waited(AsyncClient.model)
    embed = _waited(AsyncClient.embed)
    create_collection = _waited(AsyncClient.create_collection)
    get_collection = _waited(AsyncClient.get_collection)
    collections = _iterated(AsyncClient.collections)
    update_collection = _waited(AsyncClient.update_collection)
    delete_collection = _waited(AsyncClient.delete_collection)
    set_alias = _waited(AsyncClient.set_alias)
    get_alias = _waited(AsyncClient.get_alias)
    aliases = _iterated(AsyncClient.aliases)
    delete_alias = _waited(AsyncClient.delete_alias)
    reindex = _waited(AsyncClient.reindex)
    make_snapshot = _waited(AsyncClient.make_snapshot)
    restore_snapshot = _waited(AsyncClient.restore_snapshot)
    snapshots = _iterated(AsyncClient.snapshots)
    delete_snapshot = _waited(AsyncClient.delete_snapshot)
    jobs = _iterated(AsyncClient.jobs)
    cancel_job = _waited(AsyncClient.cancel_job)
    watch_job = _iterated(AsyncClient.watch_job)
    reembed = _waited(AsyncClient.reembed)
    upsert = _waited(AsyncClient.upsert)
    upsert_bulk = _waited(AsyncClient.upsert_bulk)
    change = _waited(AsyncClient.change)
    get = _waited(AsyncClient.get)
    get_many = _waited(AsyncClient.get_many)
    documents = _iterated(AsyncClient.documents)
    count = _waited(AsyncClient.count)
    delete = _waited(AsyncClient.delete)
    delete_selected = _waited(AsyncClient.delete_selected)
    search = _waited(AsyncClient.search)
    search_many = _waited(AsyncClient.search_many)
    explain = _waited(AsyncClient.explain)
    create_tag_definition = _waited(AsyncClient.create_tag_definition)
    get_tag_definition = _waited(AsyncClient.get_tag_definition)
    tag_definitions = _iterated(AsyncClient.tag_definitions)
    tag_definition_versions = _iterated(AsyncClient.tag_definition_versions)
    update_tag_definition = _waited(AsyncClient.update_tag_definition)
    delete_tag_definition = _waited(AsyncClient.delete_tag_definition)
    tag = _waited(AsyncClient.tag)

    @property
    def _running(self) -> LoopThread:
        if self._thread is None:
            raise RuntimeError("the client is not open: use it in a `with` block")
        return self._thread
