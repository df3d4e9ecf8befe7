"""Rules of the layout that import-linter cannot say."""

import ast
from pathlib import Path

from sensorium.errors import Reason
from sensorium.v1 import error_reason_pb2

SOURCE = Path(__file__).resolve().parents[2] / "services" / "sensorium"
OURS = [file for file in SOURCE.rglob("*.py") if file.parent.name != "v1"]


def relative(file: Path) -> str:
    return file.relative_to(SOURCE).as_posix()


def test_every_file_opens_with_why_it_exists() -> None:
    silent = [relative(file) for file in OURS if not ast.get_docstring(ast.parse(file.read_text()))]
    assert silent == []


def test_generated_protobuf_code_is_used_at_the_edges_alone() -> None:
    users = {relative(file) for file in OURS if "from sensorium.v1" in file.read_text()}
    edges = {"servicer", "client", "servicers", "clients"}
    inside = {user for user in users if not user.startswith("rpc/") and not {*Path(user).with_suffix("").parts} & edges}
    assert inside == set()


def test_status_codes_stay_in_rpc() -> None:
    users = {relative(file) for file in OURS if "StatusCode" in file.read_text()}
    # Triton is spoken to over gRPC with its own codes.
    assert {user for user in users if not user.startswith(("rpc/", "triton/"))} == set()


def test_nothing_is_called_utils_or_common() -> None:
    vague = {"utils", "util", "common", "helpers", "misc", "base"}
    assert [relative(file) for file in OURS if file.stem in vague or file.parent.name in vague] == []


def test_reasons_are_those_of_the_contract() -> None:
    published = {name.removeprefix("ERROR_REASON_") for name in error_reason_pb2.ErrorReason.keys()}  # noqa: SIM118
    assert {reason.value for reason in Reason} == published - {"UNSPECIFIED"}
