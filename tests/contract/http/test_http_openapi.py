"""The documents that describe the front, and everything that can be made of them: no request is a fault of ours."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from http_front import Front, front
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy
from schemathesis.generation import GenerationMode

FAMILIES = (
    "openai", "cohere", "dashscope", "uploads", "vikingdb", "vikingdb-ping", "viking", "infinity", "eas",
)  # fmt: skip


async def test_every_family_has_a_document_whose_examples_work() -> None:
    async with front() as served:
        for name in FAMILIES:
            described = (await served.send("GET", f"/openapi/{name}.json")).json()
            for path, method, example in examples(described):
                answer = await served.send(method, path, {**example, **renamed(example)})
                assert answer.status == 200, (path, answer.body)


async def test_the_page_asks_no_other_host() -> None:
    async with front() as served:
        page = await served.send("GET", "/openapi/")
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert b"://" not in page.body
    assert b"/api/v1/services/embeddings/text-embedding/text-embedding" in page.body


def examples(described: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            if "example" in content:
                yield path.replace("{service}", "gme"), method.upper(), content["example"]


def renamed(example: dict[str, Any]) -> dict[str, Any]:
    """Return what of an example names the model of a real mesh, for the one that is served here."""
    if isinstance(example.get("model"), dict):
        return {"model": {"model_name": "omni"}}
    return {"dense_model": {"name": "omni"}} if "dense_model" in example else {"model": "omni"}


@pytest.mark.parametrize("name", FAMILIES)
async def test_whatever_a_document_allows_or_forbids_nothing_is_a_fault_of_ours(name: str) -> None:
    async with front() as served:
        described = (await served.send("GET", f"/openapi/{name}.json")).json()
        await asyncio.to_thread(drive, served, described)


def drive(served: Front, described: dict[str, Any]) -> None:
    """Send what schemathesis makes of each operation, good and bad."""
    for found in schemathesis.openapi.from_dict(described).get_all_operations():
        operation = found.ok()
        assert operation is not None
        for mode in GenerationMode if len(operation.body) else (GenerationMode.POSITIVE,):
            send_some(operation.as_strategy(generation_mode=mode), served)


def send_some(cases: SearchStrategy[Any], served: Front) -> None:
    @settings(
        max_examples=10,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases)
    def send(case: Any) -> None:
        answer = case.call(base_url=served.url)
        assert answer.status_code < 500, answer.text
        assert answer.headers["content-type"] == ["application/json"]
        assert answer.headers["x-request-id"] != [""]

    send()
