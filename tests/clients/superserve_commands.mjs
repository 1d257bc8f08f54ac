// Runs commands and moves files by @superserve/sdk as a user's program would, and prints what came of each step.
//
// Standard input: {"sdk": file URL, "root": the fake's, "point": {"baseUrl", "apiKey"}}
// Standard output: {name: value | {"error", "status", "code", "message"}, …, "hosts": those of the data plane that were asked}

import { readFileSync } from "node:fs";
import { request } from "node:http";
import { Readable } from "node:stream";

const { sdk, root, point } = JSON.parse(readFileSync(0, "utf8"));
const { Sandbox } = await import(sdk);

// The SDK derives the data plane's host from the base URL, always with https; it is led to the fake here, and nothing
// else may leave the machine.
const DATA_PLANE = /^(boxd-[a-z0-9-]+\.)?(usw-|staging-)?sandbox\.superserve\.ai$/;
const hosts = new Set();
// fetch itself lets nobody say which host a request is for.
const fetchHere = async (url, { method = "GET", headers, body, signal }) => {
  const bytes = body === undefined ? undefined : Buffer.from(await new Response(body).arrayBuffer());
  return await new Promise((resolve, reject) => {
    const asked = request(root, { method, path: url.pathname + url.search, signal, agent: false });
    for (const [name, text] of Object.entries({ ...headers, Host: url.hostname })) asked.setHeader(name, text);
    asked.on("error", reject);
    asked.on("response", (reply) => {
      resolve(new Response(Readable.toWeb(reply), { status: reply.statusCode, headers: reply.headers }));
    });
    asked.end(bytes);
  });
};
const realFetch = globalThis.fetch;
globalThis.fetch = (target, init = {}) => {
  const url = new URL(target);
  if (DATA_PLANE.test(url.hostname)) {
    hosts.add(url.hostname);
    return fetchHere(url, init);
  }
  if (url.hostname !== "127.0.0.1") throw new Error(`a request to ${target} left the machine`);
  return realFetch(target, init);
};

const told = {};
const step = async (name, run) => {
  try {
    told[name] = (await run()) ?? null;
  } catch (error) {
    told[name] = { error: error.constructor.name, status: error.statusCode, code: error.code, message: error.message };
  }
};
const same = (one, other) => one.length === other.length && one.every((byte, index) => byte === other[index]);

const box = await Sandbox.create({ name: "quickstart", envVars: { A: "1" }, ...point });
await step("run", () => box.commands.run("echo $A $B; echo err >&2; exit 3", { env: { B: "2" } }));
await step("stream", async () => {
  const heard = [];
  const result = await box.commands.run("for i in 1 2 3; do echo $i; echo e$i >&2; sleep 1; done; exit 7", {
    onStdout: (text) => heard.push(text),
    onStderr: (text) => heard.push(text),
  });
  return { heard, ...result };
});
await step("in a directory", () => box.commands.run("pwd", { cwd: "/tmp" }));
await step("late", () => box.commands.run("sleep 60; echo late", { timeoutMs: 10_000 }));
await step("late stream", () =>
  box.commands.run("echo early; sleep 60", { timeoutMs: 10_000, onStdout: () => undefined }),
);
await step("files", async () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
  const large = new Uint8Array(4_000_000).fill(7);
  await box.files.write("/data/ä b.txt", "hé");
  await box.files.write("/data/bytes", bytes);
  await box.files.write("/data/empty", new Uint8Array());
  await box.files.write("/data/large", large);
  return [
    await box.files.readText("/data/ä b.txt"),
    same(await box.files.read("/data/bytes"), bytes),
    (await box.files.read("/data/empty")).length,
    same(await box.files.read("/data/large"), large),
    String.fromCharCode(...(await box.files.downloadDir("/data")).slice(0, 2)),
  ];
});
await step("resumed by itself", async () => {
  await box.pause();
  const { stdout } = await box.commands.run("ls /data");
  return [stdout, (await box.getInfo()).status];
});
await step("kept", async () => {
  await box.pause();
  await box.resume();
  return await box.files.readText("/data/ä b.txt");
});
await step("missing", () => box.files.read("/nowhere"));
await step("a directory", () => box.files.read("/data"));
await step("no such directory", () => box.commands.run("ls", { cwd: "/nowhere" }));
await step("full", () => box.files.write("/tmp/a", new Uint8Array(20_000_000)));
await step("killed", async () => {
  await box.kill();
  return await box.commands.run("ls");
});

console.log(JSON.stringify({ ...told, hosts: [...hosts] }));
