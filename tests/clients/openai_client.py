"""What a user of any OpenAI SDK from 1.x on writes; run with the base URL and a key."""

import asyncio
import sys
from collections.abc import Callable

import openai

base, key = sys.argv[1:]
client = openai.OpenAI(base_url=base, api_key=key, max_retries=0)
made = client.embeddings.create(model="omni", input=["one", "two"])
assert [len(each.embedding) for each in made.data] == [16, 16]
same = client.embeddings.create(model="omni", input="one", encoding_format="float")
assert [round(each, 5) for each in same.data[0].embedding] == [round(each, 5) for each in made.data[0].embedding]
assert len(client.embeddings.create(model="omni", input="one", dimensions=8).data[0].embedding) == 8
assert "omni" in [each.id for each in client.models.list()]


def raised(call: Callable[[], object]) -> openai.APIStatusError:
    """Return what a call raises."""
    try:
        call()
    except openai.APIStatusError as error:
        return error
    raise AssertionError("the call did not fail")


missing = raised(lambda: client.models.retrieve("org/m1"))
assert isinstance(missing, openai.NotFoundError)
assert missing.request_id
stranger = openai.OpenAI(base_url=base, api_key="sk-wrong", max_retries=0)
assert isinstance(raised(stranger.models.list), openai.AuthenticationError)


async def waited() -> int:
    async with openai.AsyncOpenAI(base_url=base, api_key=key) as asynchronous:
        return len((await asynchronous.embeddings.create(model="omni", input="one")).data)


assert asyncio.run(waited()) == 1
