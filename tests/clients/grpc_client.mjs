// What a user of Node's grpc-js writes; run with the address, a key, and the folders of the protos.
import assert from "node:assert";
import grpc from "@grpc/grpc-js";
import loader from "@grpc/proto-loader";

const [address, key, ...includeDirs] = process.argv.slice(2);
const files = ["embed_service", "usage_service"].map((name) => `sensorium/v1/${name}.proto`);
const definition = loader.loadSync(files, { includeDirs, longs: Number, enums: String, oneofs: true });
const { EmbedService, UsageService } = grpc.loadPackageDefinition(definition).sensorium.v1;
const credentials = grpc.credentials.createInsecure();
const embedder = new EmbedService(address, credentials);
const usage = new UsageService(address, credentials);

const metadata = (secret) => {
  const shown = new grpc.Metadata();
  shown.set("authorization", `Bearer ${secret}`);
  return shown;
};
const call = (client, method, request, secret = key) =>
  new Promise((resolve, reject) =>
    client[method](request, metadata(secret), { deadline: Date.now() + 30_000 }, (error, answer) =>
      error ? reject(error) : resolve(answer),
    ),
  );
const contents = ["one", "two"].map((text) => ({ parts: [{ text }] }));

const listed = await call(embedder, "ListModels", {});
assert.equal(listed.models.length, 1);
const embedded = await call(embedder, "Embed", { contents });
const vectors = embedded.results.map(({ embedding }) => {
  const { data, dimension, dtype } = embedding.dense;
  assert.equal(dtype, "D_TYPE_FLOAT32");
  return Array.from({ length: dimension }, (_, place) => data.readFloatLE(4 * place));
});
assert.ok(vectors.every((vector) => vector.length === listed.models[0].dimension && vector.some((each) => each !== 0)));

const stream = embedder.StreamEmbed(metadata(key), { deadline: Date.now() + 30_000 });
const batches = [];
stream.on("data", (answer) => batches.push(answer.response.results.length));
const ended = new Promise((resolve, reject) => stream.on("end", resolve).on("error", reject));
for (const content of contents) stream.write({ request: { contents: [content] } });
stream.end();
await ended;
assert.deepEqual(batches, [1, 1]);

const { records } = await call(usage, "ListUsage", { parent: "workspaces/-" });
assert.equal(records.length, 1);
assert.equal(records[0].key_id ?? records[0].keyId, key.split("-")[1]);
assert.equal(records[0].call_count ?? records[0].callCount, 3);

await assert.rejects(call(embedder, "Embed", { contents }, "sk-wrong"), { code: grpc.status.UNAUTHENTICATED });
await assert.rejects(call(embedder, "Embed", { contents, model: "models/other" }), { code: grpc.status.NOT_FOUND });
embedder.close();
usage.close();
