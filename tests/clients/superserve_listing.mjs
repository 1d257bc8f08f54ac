// Lists by @superserve/sdk as a user's program would, once per scenario, and prints what came.
//
// Standard input: {"sdk": file URL, "scenarios": {name: {"baseUrl"?, "apiKey"?, "metadata"?, "timeout"?: ms}, …}}
// Standard output: {"errors": [class, …], "outcomes": {name: {"rows"} | {"error", "message", "status", "code"}, …}},
// each outcome with the "delays" between its attempts, in milliseconds.

import { readFileSync } from "node:fs";

const REQUEST_TIMEOUT_MS = 30_000;
const { sdk, scenarios } = JSON.parse(readFileSync(0, "utf8"));
const exported = await import(sdk);
const { Sandbox, SandboxError } = exported;

// Nothing may leave the machine.
const realFetch = globalThis.fetch;
globalThis.fetch = (url, init) => {
  if (new URL(url).hostname !== "127.0.0.1") throw new Error(`a request to ${url} left the machine`);
  return realFetch(url, init);
};

// The SDK's waits between attempts are noted and not waited for; its request timeout is kept, or cut by a scenario.
let delays = [];
let timeout;
const realSetTimeout = globalThis.setTimeout;
globalThis.setTimeout = (callback, ms, ...more) => {
  const bySdk = new Error().stack.includes("/@superserve/sdk/");
  if (!bySdk) return realSetTimeout(callback, ms, ...more); // node's own fetch
  if (ms === REQUEST_TIMEOUT_MS) return realSetTimeout(callback, timeout ?? ms, ...more);
  delays.push(ms);
  return realSetTimeout(callback, 0, ...more);
};

const outcomes = {};
for (const [name, scenario] of Object.entries(scenarios)) {
  delays = [];
  timeout = scenario.timeout;
  const { timeout: _, ...options } = scenario;
  try {
    outcomes[name] = { rows: await Sandbox.list(options), delays };
  } catch (error) {
    const { message, statusCode: status, code } = error;
    outcomes[name] = { error: error.constructor.name, message, status, code, delays };
  }
}
const isError = (each) => typeof each === "function" && (each === SandboxError || each.prototype instanceof SandboxError);
const errors = Object.values(exported).filter(isError).map((each) => each.name);
process.stdout.write(JSON.stringify({ errors, outcomes }), () => process.exit(0));
