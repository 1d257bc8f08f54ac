// node --test examples/client.test.mjs: one server for the file, and a namespace of its own for each test.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { after, before, beforeEach, test } from "node:test";

const key = { "X-API-Key": "superserve-admin-key" };
let server, root, base, number = 0;

before(async () => {
  server = spawn(process.env.FAKESERVER ?? "fakeserver", ["serve", "--port", "0"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  // The first line is the base URL.
  [root] = await once(createInterface({ input: server.stdout }), "line");
});

after(() => server.kill());

beforeEach(() => {
  base = `${root}/ns/js-${++number}`;
});

const list = (query = "") => fetch(`${base}/superserve/sandboxes${query}`, { headers: key });

const admin = (method, path, body) =>
  fetch(`${base}/__admin${path}`, { method, body: body && JSON.stringify(body) });

test("lists sandboxes by metadata", async () => {
  const sandboxes = await (await list("?metadata.env=prod")).json();
  assert.ok(sandboxes.length > 0);
  assert.ok(sandboxes.every((each) => each.metadata.env === "prod"));
});

test("sees a rate limit once", async () => {
  const fault = { provider: "superserve", operation: "listSandboxes", code: 429, times: 1 };
  assert.equal((await admin("POST", "/faults", fault)).status, 201);
  const refused = await list();
  assert.equal(refused.status, 429);
  assert.equal((await refused.json()).error.code, "rate_limited");
  assert.equal((await list()).status, 200);
});

test("sees sandboxes pause when their time is up", async () => {
  const count = async () => (await (await list("?status=active")).json()).length;
  const before = await count();
  await admin("PUT", "/clock", { action: "advance", seconds: 7 * 86_400 });
  assert.ok((await count()) < before);
});

test("shows an empty state", async () => {
  await admin("PUT", "/documents/superserve/main", []);
  assert.deepEqual(await (await list()).json(), []);
});
