"""What a user of Cohere's SDK writes; run with the base URL and a key."""

import sys

import cohere

base, key = sys.argv[1:]
client = cohere.ClientV2(key, base_url=base)
IMAGE = "data:image/png;base64,iVBORw0KGgo="
texts = client.embed(texts=["one", "two"], model="omni", input_type="search_query", embedding_types=["float"])
assert [len(each) for each in texts.embeddings.float_] == [16, 16]
images = client.embed(images=[IMAGE], model="omni", input_type="image", embedding_types=["float"])
assert len(images.embeddings.float_[0]) == 16
try:
    client.embed(texts=["one"], model="other", input_type="search_query", embedding_types=["float"])
except cohere.errors.NotFoundError:
    pass
else:
    raise AssertionError("the call did not fail")
