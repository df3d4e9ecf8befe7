"""What a user of LangChain's OpenAI embeddings writes; run with the base URL and a key."""

import asyncio
import sys

from langchain_openai import OpenAIEmbeddings

base, key = sys.argv[1:]
chain = OpenAIEmbeddings(base_url=base, api_key=key, model="omni", check_embedding_ctx_length=False)
documents = chain.embed_documents(["one", "two"])
assert [len(each) for each in documents] == [16, 16]
assert chain.embed_query("one") == documents[0]
assert asyncio.run(chain.aembed_query("one")) == documents[0]
