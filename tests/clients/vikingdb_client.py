"""What a user of the newer VikingDB SDK writes; run with the base URL, an access key and its secret."""

import sys
from urllib.parse import urlsplit

from vikingdb.auth import IAM
from vikingdb.vector import VikingDB

base, access_key, secret = sys.argv[1:]
sdk = VikingDB(host=urlsplit(base).netloc, region="cn-beijing", auth=IAM(ak=access_key, sk=secret), scheme="http")
answer = sdk.embedding().embedding(
    {
        "data": [{"text": "one"}, {"full_modal_seq": [{"text": "a", "image": "https://x.example/a.png"}]}],
        "dense_model": {"name": "omni", "version": "default", "dim": 8},
    }
)
assert answer.code == "Success", answer
assert [len(each.dense) for each in answer.result.data] == [8, 8]
