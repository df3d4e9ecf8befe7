"""What a user of Volcengine's VikingDB SDK writes; run with the base URL, an access key and its secret."""

import base64
import sys
from urllib.parse import urlsplit

from volcengine.viking_db import EmbModel, RawData, VikingDBService

base, access_key, secret = sys.argv[1:]
service = VikingDBService(host=urlsplit(base).netloc, region="cn-beijing", ak=access_key, sk=secret, scheme="http")
image = base64.b64encode(b"png").decode()
wanted = {"return_token_usage": True, "return_dense": True, "return_sparse": True}
items = [RawData("text", "one"), RawData("image", image=image), RawData("text-image", "two", image)]
made = service.embedding_v2(EmbModel("omni", wanted), items)
assert [len(each) for each in made["sentence_dense_embedding"]] == [16, 16, 16], made
assert len(made["sentence_sparse_embedding"]) == 3
assert made["token_usage"]["total_tokens"] == 9
