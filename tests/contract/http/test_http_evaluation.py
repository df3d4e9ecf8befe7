"""The vendor's evaluation script runs against the PAI-EAS family with nothing changed but its constants.

The script is that of the seeds (shared/seeds beside the checkout, or SENSORIUM_TEST_SEEDS), section 4.5. It wants torch
on a GPU, which a module of a few lines stands in for.
"""

import asyncio
import json
import os
import re
import shutil
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from http_front import OmniEmbedder, front
from key_ring import Keys

from sensorium.errors import SensoriumError
from sensorium.gateway.keys.guard import KeyGuard
from sensorium.media.data_uri import read_data_uri
from sensorium.model.content import Content, Media
from sensorium.model.embedding import Embedding, EmbedRequest

ROOT = Path(__file__).resolve().parents[3]
SEEDS = Path(os.environ.get("SENSORIUM_TEST_SEEDS", ROOT.parent / "shared" / "seeds"))
SCRIPT = re.compile(r'^Evaluation script\n(?P<code>.*?^if __name__ == "__main__":\n    main\(\)\n)', re.M | re.S)
TAGS = {"red car": ("a", "b"), "bicycle": ("c", "d", "e"), "rain": ("f",)}


def script() -> str:
    """Return the vendor's script, or skip where the seeds are not."""
    found = [match["code"] for file in SEEDS.glob("*.txt") for match in SCRIPT.finditer(file.read_text())]
    if not found:
        pytest.skip(f"the seeds are not in {SEEDS}")
    return found[0]


@dataclass
class CaptionEmbedder(OmniEmbedder):
    """Gives a picture the vector of the text that its bytes spell."""

    def _result(self, index: int, content: Content, request: EmbedRequest) -> Embedding | SensoriumError:
        match content.parts[0].body:
            case Media(uri=str(uri)):
                content = Content.of_text(read_data_uri(uri, 1000).decode())
        return super()._result(index, content, request)


def with_constants(code: str, url: str, token: str, folder: Path) -> str:
    """Return the script with its three constants changed, each of which it has once."""
    constants = {
        "HOST_URL": f"HOST_URL = {url!r}",
        "AUTH_HEADER": f"AUTH_HEADER = {{'Authorization': {token!r}}}",
        "    root_dir": f"    root_dir = {str(folder)!r}",
    }
    for name, line in constants.items():
        code, count = re.subn(rf"^{name} = .*$", line, code, flags=re.M)
        assert count == 1, name
    return code


def lay_out(folder: Path) -> None:
    """Write pictures and their tags as the script looks for them."""
    (folder / "images").mkdir()
    (folder / "meta").mkdir()
    lines = []
    for tag, images in TAGS.items():
        for image in images:
            (folder / "images" / f"{image}.jpg").write_text(tag)
            lines.append(json.dumps({"image_id": image, "tags": [tag]}))
    (folder / "meta" / "test.jsonl").write_text("\n".join(lines))


async def test_the_vendors_evaluation_runs_with_its_constants_changed(keys: Keys, tmp_path: Path) -> None:
    code = script()
    data, programs = tmp_path / "data", tmp_path / "programs"
    data.mkdir()
    programs.mkdir()
    lay_out(data)
    shutil.copy(ROOT / "tests" / "support" / "torch_stand_in.py", programs / "torch.py")
    embedder = CaptionEmbedder()
    embedder.info = replace(embedder.info, name="gme")
    async with front(embedder, guard=KeyGuard(keys.ring, local=True)) as served:
        url, token = f"{served.url}/api/predict/gme", keys.make()[1].text
        (programs / "evaluate.py").write_text(with_constants(code, url, token, data))
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(programs / "evaluate.py"),
            env={**os.environ, "NO_PROXY": "127.0.0.1"},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        told, faults = await process.communicate()
    assert process.returncode == 0, faults.decode()
    assert "Total images: 6" in told.decode()
    assert "Precision@1 1.0000" in told.decode()
    assert "failed" not in told.decode()
    results = (data / "results" / "retrieval_finetune_gme7b_final_log_eas.jsonl").read_text()
    decoder, found, rest = json.JSONDecoder(), {}, results.strip()
    while rest:
        result, end = decoder.raw_decode(rest)
        found[result["tag"]] = set(result["preds"][: len(result["gts"])])
        rest = rest[end:].strip()
    assert found == {tag: set(images) for tag, images in TAGS.items()}
