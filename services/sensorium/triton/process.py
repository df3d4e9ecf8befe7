"""One run of our own Triton as a child process, from its start to the last trace of it."""

import asyncio
from types import TracebackType
from typing import Self

from sensorium.triton.guard import remove_leftovers
from sensorium.triton.launcher import Launch
from sensorium.triton.logs import TritonLog

_LONGEST_LINE = 1 << 20
_LAST_LINES_SECONDS = 5.0


class TritonProcess:
    """Starts Triton on entry and stops it on exit: gracefully, or at once after `kill`.

    Its guard (guard.py) is the direct child. When the block is left, no process, shared memory region or file of the
    run remains; when we are killed instead, the guard sees to the same.
    """

    is_ours = True

    def __init__(self, launch: Launch) -> None:
        self._launch = launch
        self._log = TritonLog()
        self._guard: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None

    @property
    def target(self) -> str:
        """The gRPC address, `127.0.0.1:port`."""
        return self._launch.target

    @property
    def shared_prefix(self) -> str:
        """What the names of regions start with that its guard removes."""
        return self._launch.shm_prefix

    async def __aenter__(self) -> Self:
        try:
            self._guard = await asyncio.create_subprocess_exec(
                *self._launch.command,
                env=self._launch.environment,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C in our terminal is ours to handle
                limit=_LONGEST_LINE,
            )
        except BaseException:
            self._remove_leftovers()
            raise
        self._reader = asyncio.create_task(self._read_log(), name="triton-log")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        guard, reader = self._started()
        if guard.stdin is not None:
            guard.stdin.close()
        await guard.wait()
        self._remove_leftovers()  # unless it was killed, the guard has done so
        await _finish(reader)

    async def ended(self) -> str:
        """Wait until Triton has ended; return how it ended, with the last lines of its log."""
        guard, reader = self._started()
        status = await guard.wait()
        self._remove_leftovers()
        await _finish(reader)
        return f"Triton ended with status {status}; the last lines of its log:\n{self._log.last()}"

    def kill(self) -> None:
        """End Triton at once; leaving the block then takes no grace."""
        guard, _ = self._started()
        if guard.returncode is None:
            guard.terminate()

    def last_lines(self) -> str:
        """Return the last lines of its log."""
        return self._log.last()

    def _remove_leftovers(self) -> None:
        remove_leftovers(self._launch.run_directory, self._launch.shm_prefix)

    async def _read_log(self) -> None:
        guard, _ = self._started()
        assert guard.stdout is not None  # noqa: S101 - made with PIPE above
        while True:
            try:
                line = await guard.stdout.readline()
            except ValueError:  # over the limit: the reader has dropped it
                continue
            if not line:
                return
            self._log.write(line)

    def _started(self) -> tuple[asyncio.subprocess.Process, asyncio.Task[None]]:
        if self._guard is None or self._reader is None:
            raise RuntimeError("the process is used outside its block")
        return self._guard, self._reader


async def _finish(reader: "asyncio.Task[None]") -> None:
    """Let the log be read to its end, but not wait for a process that outlived the guard and holds it open."""
    done, _ = await asyncio.wait({reader}, timeout=_LAST_LINES_SECONDS)
    if not done:
        reader.cancel()
