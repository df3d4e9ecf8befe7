"""Generates code from proto/ and checks the contracts: current code, format, lint, and no breaking change.

`python tools/contracts.py generate` writes services/sensorium/v1; `check` fails on a difference, on a finding of buf,
and on a break against the committed image; `baseline` recuts the image (docs/contracts.md says when that is right).
"""

import argparse
import filecmp
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import google.rpc.status_pb2
from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent
PROTO = ROOT / "proto"
GENERATED = Path("sensorium") / "v1"
BASELINE = PROTO / "baseline.binpb"
# Imports come from the installed googleapis-common-protos, as no schema registry is needed to build.
GOOGLEAPIS = Path(google.rpc.status_pb2.__file__).parents[2]
WELL_KNOWN = Path(protoc.__file__).parent / "_proto"
SCRIPTS = Path(sys.executable).parent


def run_protoc(*arguments: str) -> None:
    """Run protoc over every file of proto/."""
    files = [str(file.relative_to(PROTO)) for file in sorted(PROTO.rglob("*.proto"))]
    includes = [f"-I{path}" for path in (PROTO, GOOGLEAPIS, WELL_KNOWN)]
    os.environ["PATH"] = f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}"
    if protoc.main(["protoc", *includes, *arguments, *files]):
        sys.exit("protoc failed")


def generate(out: Path) -> None:
    """Write messages, stubs and their types below `out`."""
    run_protoc(
        f"--python_out={out}",
        f"--grpc_python_out={out}",
        f"--mypy_out=quiet:{out}",
        # Concrete: a method that a servicer leaves out answers UNIMPLEMENTED.
        f"--mypy_grpc_out=quiet,generate_concrete_servicer_stubs:{out}",
    )


def image(file: Path, *options: str) -> Path:
    """Write a descriptor image to `file`."""
    run_protoc("--include_imports", *options, f"--descriptor_set_out={file}")
    return file


def buf(*arguments: str) -> bool:
    """Run buf with this project's policy; return whether it found nothing."""
    return subprocess.run([SCRIPTS / "buf", *arguments], check=False).returncode == 0


def is_current(scratch: Path) -> bool:
    """Return whether the committed code is what protoc writes today."""
    generate(scratch)
    fresh, committed = scratch / GENERATED, ROOT / "services" / GENERATED
    names = sorted({file.name for folder in (fresh, committed) for file in folder.glob("*_pb2*")})
    _, differing, missing = filecmp.cmpfiles(fresh, committed, names, shallow=False)
    for name in [*differing, *missing]:
        print(f"services/{GENERATED}/{name} is not current: run `make proto`", file=sys.stderr)
    return not differing and not missing


def check() -> bool:
    """Run every check; return whether all passed."""
    config = ("--config", str(PROTO / "buf.yaml"))
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        now = str(image(scratch / "image.binpb", "--include_source_info"))
        results = [
            is_current(scratch),
            buf("format", "--diff", "--exit-code", str(PROTO)),
            buf("lint", now, *config),
            buf("breaking", now, "--against", str(BASELINE), *config),
        ]
    return all(results)


def main() -> int:
    """Run one command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["generate", "check", "baseline"])
    match parser.parse_args().command:
        case "generate":
            generate(ROOT / "services")
        case "baseline":
            image(BASELINE)
        case _:
            return 0 if check() else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
