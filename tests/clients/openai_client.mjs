// What a user of OpenAI's SDK for Node writes; run with the base URL and a key.
import assert from "node:assert";
import OpenAI from "openai";

const [baseURL, apiKey] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const made = await client.embeddings.create({ model: "omni", input: ["one", "two"] });
assert.deepEqual(made.data.map((each) => each.embedding.length), [16, 16]);
await assert.rejects(client.embeddings.create({ model: "other", input: "one" }), OpenAI.NotFoundError);
const wrong = new OpenAI({ baseURL, apiKey: "sk-wrong", maxRetries: 0 });
await assert.rejects(wrong.models.list(), OpenAI.AuthenticationError);
