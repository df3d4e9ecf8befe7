"""What a user of any DashScope SDK from 1.14 on writes; run with the base URL and a key."""

import asyncio
import sys
import tempfile
from pathlib import Path

import dashscope

base, key = sys.argv[1:]
dashscope.base_http_api_url = base
dashscope.api_key = key
ONE_PEACE = "multimodal-embedding-one-peace-v1"

contents = [{"factor": 1, "text": "hello"}, {"factor": 2, "audio": "https://x.example/cow.flac"}]
fused = dashscope.MultiModalEmbedding.call(model=ONE_PEACE, input=contents, auto_truncation=True)
assert fused.status_code == 200, fused
assert len(fused.output["embedding"]) == 1536
assert fused.usage["total_usage"] == 3

with tempfile.TemporaryDirectory() as folder:
    image = Path(folder) / "a.png"
    image.write_bytes(b"png")
    local = dashscope.MultiModalEmbedding.call(model="omni", input=[{"image": f"file://{image}"}])
assert local.status_code == 200, local

texts = dashscope.TextEmbedding.call(model="omni", input=["one", "two"])
assert [each["text_index"] for each in texts.output["embeddings"]] == [0, 1]

missing = dashscope.TextEmbedding.call(model="other", input="one")
assert (missing.status_code, missing.code) == (404, "Model.NotExist"), missing
wrong = dashscope.TextEmbedding.call(model="omni", input="one", api_key="sk-wrong")
assert (wrong.status_code, wrong.code) == (401, "InvalidApiKey"), wrong

if hasattr(dashscope, "AioMultiModalEmbedding"):
    waited = asyncio.run(dashscope.AioMultiModalEmbedding.call(model="omni", input=[{"text": "one"}]))
    assert waited.status_code == 200, waited
