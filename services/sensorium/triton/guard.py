"""Stands between us and Triton and outlives us, so that nothing of Triton's is left behind however we end.

Run with the standard library alone: `python -I -S guard.py RUN_DIRECTORY SHM_PREFIX GRACE COMMAND...`. It starts the
command in a session of its own and ends it, with every process it started, when its standard input closes (gracefully:
its parent stops or was killed) or on SIGTERM (at once). Then it removes the command's shared memory regions and its
run directory, and exits with the command's status.
"""

import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - where Triton's Python backend puts its regions
_EXECUTABLES = {b"tritonserver", b"triton_python_backend_stub"}
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PATIENCE = 5.0

_libc = ctypes.CDLL(None, use_errno=True)


def main(arguments: Sequence[str]) -> int:
    """Run the command to its end; return its exit status."""
    run_directory, prefix, grace, *command = arguments
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1)  # orphans of the command become ours to end
    at_once = _readable_on_sigterm()
    try:
        with subprocess.Popen(  # noqa: S603 - the launcher's own command
            command,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=_die_with_parent,  # noqa: PLW1509 - this process has one thread
        ) as child:
            _wait_and_stop(child, at_once, float(grace))
            status = child.wait()
            return status if status >= 0 else 128 - status  # as shells report a signal
    finally:
        _reap()
        remove_leftovers(Path(run_directory), prefix)


def remove_leftovers(run_directory: Path, prefix: str) -> None:
    """End the processes of a run that outlived its guard; remove its run directory and shared memory regions.

    The regions' names start with `prefix`, and the command lines of the run's processes name them.
    """
    for process in Path("/proc").glob("[0-9]*"):
        if _belongs_to_run(process, prefix):
            _end(int(process.name))
    for region in _regions(prefix):
        region.unlink(missing_ok=True)
    shutil.rmtree(run_directory, ignore_errors=True)


def _belongs_to_run(process: Path, prefix: str) -> bool:
    try:
        executable, *arguments = (process / "cmdline").read_bytes().split(b"\0")
    except OSError:  # it has ended
        return False
    return os.path.basename(executable) in _EXECUTABLES and any(prefix.encode() in argument for argument in arguments)  # noqa: PTH119


def _end(process: int) -> None:
    """Kill a process and wait until it is gone, within limits."""
    try:
        ended = os.pidfd_open(process)
    except ProcessLookupError:
        return
    try:
        signal.pidfd_send_signal(ended, signal.SIGKILL)
        select.select([ended], [], [], _PATIENCE)
    except ProcessLookupError:
        return
    finally:
        os.close(ended)


def _regions(prefix: str) -> Iterator[Path]:
    return SHARED_MEMORY.glob(prefix + "*")


def _readable_on_sigterm() -> int:
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(writer)
    signal.signal(signal.SIGTERM, lambda *_: None)
    return reader


def _die_with_parent() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _wait_and_stop(child: "subprocess.Popen[bytes]", at_once: int, grace: float) -> None:
    ended = os.pidfd_open(child.pid)
    happened, _, _ = select.select([sys.stdin, at_once, ended], [], [])
    if ended not in happened and at_once not in happened:
        child.terminate()
        select.select([at_once, ended], [], [], grace)
    _kill_group(child.pid)


def _kill_group(leader: int) -> None:
    # The leader is not reaped yet, so its number cannot have gone to another group.
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        return


def _reap() -> None:
    """Wait for what the group's end has left to us: a process is gone only when it is reaped."""
    until = time.monotonic() + _PATIENCE
    try:
        while time.monotonic() < until:
            if os.waitpid(-1, os.WNOHANG) == (0, 0):
                time.sleep(0.01)
    except ChildProcessError:
        return


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
