"""Runs `sensorium` commands as forks of a process that has loaded them, for a page of examples holds fifty of them.

Run as `python warm_cli.py SOCKET`, it serves; the script that `warm_cli` makes is `sensorium` to a shell, and hands its
arguments, environment, folder and streams on. A command still has a process of its own.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import NoReturn

# What commands load when they run.
LOADED = ("sensorium.cli.application", "sensorium.client", "pydantic", "rich.console", "rich.progress", "rich.table")
COMMAND = """#!{python} -SI
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    asked = json.dumps([sys.argv[1:], dict(os.environ), os.getcwd()]).encode()
    socket.send_fds(server, [len(asked).to_bytes(4, "big")], [0, 1, 2])
    server.sendall(asked)
    sys.exit(int(server.recv(3) or 1))
"""


@contextmanager
def warm_cli(folder: Path) -> Iterator[Path]:
    """Serve while the context is open; gives the folder that holds the `sensorium` to run."""
    address, command = folder / "socket", folder / "bin" / "sensorium"
    command.parent.mkdir()
    command.write_text(COMMAND.format(python=sys.executable, address=str(address)))
    command.chmod(0o755)
    with subprocess.Popen([sys.executable, __file__, str(address)], stdout=subprocess.PIPE) as server:
        try:
            assert server.stdout is not None
            assert server.stdout.readline() == b"ready\n"
            yield command.parent
        finally:
            server.terminate()


def serve(address: str) -> None:
    """Fork for each command that is asked for."""
    for module in LOADED:
        import_module(module)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen()
        print("ready", flush=True)
        while True:
            asking, _ = listening.accept()
            with asking:
                if not os.fork():
                    run(asking)


def run(asking: socket.socket) -> NoReturn:
    """Run one command, tell its exit status, and end."""
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        take_over(asking)
        status = command_status()
        asking.sendall(str(status).encode())
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(0)


def take_over(asking: socket.socket) -> None:
    """Take the arguments, the environment, the folder and the streams of the one who asks."""
    size, streams, _, _ = socket.recv_fds(asking, 4, 3)
    with asking.makefile("rb") as asked:
        arguments, environment, folder = json.loads(asked.read(int.from_bytes(size, "big")))
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["sensorium", *arguments]


def command_status() -> int:
    """Run the command that `sys.argv` names, and return its exit status."""
    from sensorium.__main__ import main

    try:
        main()
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


if __name__ == "__main__":
    serve(sys.argv[1])
