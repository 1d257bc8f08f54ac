// Makes, pauses, resumes and deletes by @superserve/sdk as a user's program would, and prints what came of each step.
//
// Standard input: {"sdk": file URL, "point": {"baseUrl", "apiKey"}}
// Standard output: {name: value | {"error", "status", "code"}, …, "delays": the waits of the SDK, in milliseconds}

import { readFileSync } from "node:fs";

const REQUEST_TIMEOUT_MS = 30_000;
const { sdk, point } = JSON.parse(readFileSync(0, "utf8"));
const { Sandbox, Template } = await import(sdk);

// Nothing may leave the machine: commands and files would go to the provider's own host.
const realFetch = globalThis.fetch;
globalThis.fetch = (url, init) => {
  if (new URL(url).hostname !== "127.0.0.1") throw new Error(`a request to ${url} left the machine`);
  return realFetch(url, init);
};

const delays = [];
const realSetTimeout = globalThis.setTimeout;
globalThis.setTimeout = (callback, ms, ...more) => {
  const bySdk = new Error().stack.includes("/@superserve/sdk/");
  if (!bySdk || ms >= REQUEST_TIMEOUT_MS) return realSetTimeout(callback, ms, ...more);
  delays.push(ms);
  return realSetTimeout(callback, 0, ...more);
};

const told = {};
const step = async (name, run) => {
  try {
    told[name] = (await run()) ?? null;
  } catch (error) {
    told[name] = { error: error.constructor.name, status: error.statusCode, code: error.code, message: error.message };
  }
};
const wishing = (wish) => ({ ...point, apiKey: `${point.apiKey}+${wish}` });
const status = async (box) => (await box.getInfo()).status;

const box = await Sandbox.create({ name: "quickstart", metadata: { env: "test" }, timeoutSeconds: 600, ...point });
await step("created", async () => ({ id: box.id, name: box.name, status: await status(box) }));
await step("listed", async () => (await Sandbox.list(point))[0].id);
await step("paused", async () => {
  await box.pause();
  return await status(box);
});
await step("refused while paused", async () => await box.update({ network: { denyOut: ["0.0.0.0/0"] } }));
await step("resumed", async () => {
  await box.resume();
  return await status(box);
});
await step("updated", async () => {
  await box.update({ metadata: { a: "1" }, network: { allowOut: ["b.com", "8.8.8.8"] } });
  const { metadata, network } = await box.getInfo();
  return { metadata, network };
});
await step("connected", async () => {
  await box.pause();
  return await status(await Sandbox.connect(box.id, point));
});
await step("killed", async () => {
  await box.kill();
  await Sandbox.killById(box.id, point);
  return (await Sandbox.list(point)).some((each) => each.id === box.id);
});
await step("gone", async () => await Sandbox.connect(box.id, point));
await step("bad name", async () => await Sandbox.create({ name: "", ...point }));
await step("no template", async () => await Sandbox.create({ name: "a", fromTemplate: "x", ...point }));
await step("too many", async () =>
  await Sandbox.create({ name: "a", ...wishing("code=429,example=too_many_sandboxes") }));
await step("not booted", async () => await Sandbox.create({ name: "a", ...wishing("outcome=boot_failed") }));
await step("template", async () => {
  const template = await Template.create({ name: "mine", from: "debian:12", steps: [{ run: "ls" }], ...point });
  const texts = [];
  const { status: state } = await template.waitUntilReady({ onLog: (event) => texts.push(event.text) });
  const made = await Sandbox.create({ name: "a", fromTemplate: template, ...point });
  await made.kill();
  await template.delete();
  return { state, last: texts.at(-1) };
});
await step("failed template", async () => {
  const { id } = await Template.create({ name: "mine", from: "debian:12", ...wishing("outcome=build_failed") });
  return await (await Template.connect(id, point)).waitUntilReady();
});
process.stdout.write(JSON.stringify({ ...told, delays }), () => process.exit(0));
