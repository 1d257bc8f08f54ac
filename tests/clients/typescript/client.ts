// A dashboard's client of all four providers, and a test suite's use of the admin API, by generated types.
//
// Arguments: the server's root, and a namespace that is this program's own.
// Standard output: what came, as JSON, under one name for each task.

import createClient, { type Middleware } from "openapi-fetch";
import type { components as AdminParts, paths as Admin } from "./admin.js";
import type { components as DreadnodeParts, paths as Dreadnode } from "./dreadnode.js";
import type { components as InstaVMParts, paths as InstaVM } from "./instavm.js";
import type { components as PrimeParts, operations as PrimeOperations, paths as Prime } from "./prime.js";
import type { components as SuperserveParts, paths as Superserve } from "./superserve.js";

type DreadnodeSandbox = DreadnodeParts["schemas"]["SandboxListItem"];
type InstaVMSandbox = InstaVMParts["schemas"]["VMSandboxInfo"];
type PrimeSandbox = PrimeParts["schemas"]["SandboxResponse"];
type SuperserveSandbox = SuperserveParts["schemas"]["SandboxResponse"];

const [root, namespace] = process.argv.slice(2);
if (!root || !namespace) throw new Error("usage: client.js ROOT NAMESPACE");
const world = `${root}/ns/${namespace}`;
const org = { org: "acme" };
const commas = { array: { style: "form", explode: false }, object: { style: "form", explode: true } } as const;
const bearer = (slug: string) => ({ baseUrl: `${world}/${slug}`, headers: { Authorization: `Bearer ${slug}-admin-key` } });
const key = (slug: string) => ({ baseUrl: `${world}/${slug}`, headers: { "X-API-Key": `${slug}-admin-key` } });

const dreadnode = createClient<Dreadnode>({ ...bearer("dreadnode"), querySerializer: commas });
const instavm = createClient<InstaVM>(bearer("instavm"));
const prime = createClient<Prime>(bearer("prime"));
const superserve = createClient<Superserve>({ ...key("superserve"), querySerializer: commas });
const admin = createClient<Admin>({ baseUrl: `${world}/__admin` });

// Pages: each provider has its own.

type DreadnodeQuery = NonNullable<Dreadnode["/api/v1/org/{org}/sandboxes"]["get"]["parameters"]["query"]>;

async function allOfDreadnode(query: DreadnodeQuery = {}): Promise<DreadnodeSandbox[]> {
  const found: DreadnodeSandbox[] = [];
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const page = { ...query, ...(cursor === undefined ? {} : { cursor }) };
    const { data, error } = await dreadnode.GET("/api/v1/org/{org}/sandboxes", { params: { path: org, query: page } });
    if (!data) throw new Error(`${error.code} ${error.type}: ${error.detail}`);
    found.push(...data.items);
    cursor = data.next_cursor ?? null;
  }
  return found;
}

async function allOfInstaVM(pairs?: { [key: string]: unknown }): Promise<InstaVMSandbox[]> {
  const query = { limit: 1000, ...(pairs ? { metadata: JSON.stringify(pairs) } : {}) };
  const { data } = await instavm.GET("/v1/sessions/sandboxes", { params: { query } });
  if (!data) throw new Error("InstaVM refused");
  return data;
}

type PrimeQuery = NonNullable<Prime["/api/v1/sandbox"]["get"]["parameters"]["query"]>;

async function allOfPrime(query: PrimeQuery = {}): Promise<PrimeSandbox[]> {
  const found: PrimeSandbox[] = [];
  for (let page = 1, more = true; more; page++) {
    const { data, error } = await prime.GET("/api/v1/sandbox", { params: { query: { per_page: 100, ...query, page } } });
    if (!data) throw new Error(JSON.stringify(error));
    found.push(...data.sandboxes);
    more = data.has_next;
  }
  return found;
}

type SuperserveQuery = NonNullable<Superserve["/sandboxes"]["get"]["parameters"]["query"]>;

async function allOfSuperserve(query: SuperserveQuery = {}): Promise<SuperserveSandbox[]> {
  const found: SuperserveSandbox[] = [];
  for (let total = 1; found.length < total; ) {
    const page = { ...query, limit: 200, offset: found.length };
    const { data, error, response } = await superserve.GET("/sandboxes", { params: { query: page } });
    if (!data) throw new Error(`${error.error.code}: ${error.error.message}`);
    found.push(...data);
    total = Number(response.headers.get("X-Total-Count"));
    if (data.length === 0) break;
  }
  return found;
}

// What a dashboard makes of the rows: whatever may be absent or null, or is one of an enum, is looked at as such.

const colours: Record<DreadnodeSandbox["state"], string> = { running: "green", paused: "amber", killed: "grey" };
const ends: Record<PrimeSandbox["status"], boolean> = {
  PENDING: false, PROVISIONING: false, RUNNING: false, PAUSED: false, ERROR: true, TERMINATED: true,
};
const dreadnodeLine = (each: DreadnodeSandbox) => ({
  id: each.id,
  colour: colours[each.state],
  project: each.project_name ?? "none",
  credits: (each.billed_credits ?? 0) + (each.running_credits ?? 0),
  ended: each.killed_at === null ? null : new Date(each.killed_at).toISOString(),
});
const instavmLine = (each: InstaVMSandbox) => ({
  id: each.sandbox_id, names: Object.keys(each.metadata).sort(), until: each.end_at?.slice(0, 10) ?? null,
});
const primeLine = (each: PrimeSandbox) => ({
  id: each.id,
  over: ends[each.status],
  variables: Object.keys(each.environmentVars ?? {}).length,
  labels: each.labels?.join(",") ?? "",
  minutes: each.startedAt && each.terminatedAt ? Math.round((Date.parse(each.terminatedAt) - Date.parse(each.startedAt)) / 60_000) : null,
});
const superserveLine = (each: SuperserveSandbox) => ({
  id: each.id, env: each.metadata["env"] ?? null, open: each.network?.allow_out?.length ?? null, limit: each.timeout_seconds ?? null,
});

// Errors: one sentence for each, whatever its status.

type Refusals<Operation extends { responses: object }> = {
  [Status in Exclude<keyof Operation["responses"], 200>]: Operation["responses"][Status] extends {
    content: { "application/json": infer Value };
  } ? Value : never;
};
type PrimeRefusals = Refusals<PrimeOperations["listSandboxes"]>;
const unprocessable = (body: PrimeRefusals[422]) =>
  "errors" in body
    ? body.errors.map((each) => `${each.param}: ${each.details}`).join()
    : body.detail.map((each) => `${each.loc.join(".")}: ${each.msg}`).join();
const primeSentence = (body: PrimeRefusals[keyof PrimeRefusals]) =>
  "errors" in body || Array.isArray(body.detail) ? unprocessable(body as PrimeRefusals[422]) : body.detail;

async function sentence(slug: string, status: string): Promise<string> {
  const options = { headers: { Prefer: `code=${status}` } };
  switch (slug) {
    case "dreadnode": {
      const { error } = await dreadnode.GET("/api/v1/org/{org}/sandboxes", { ...options, params: { path: org } });
      return error ? [error.detail, ...(error.errors ?? []).map((each) => each.msg)].join(": ") : "";
    }
    case "instavm": {
      const { error } = await instavm.GET("/v1/sessions/sandboxes", options);
      const detail = error?.detail ?? "";
      return typeof detail === "string" ? detail : detail.map((each) => `${each.loc.join(".")}: ${each.msg}`).join();
    }
    case "prime": {
      const { error } = await prime.GET("/api/v1/sandbox", options);
      return error ? primeSentence(error) : "";
    }
    default: {
      const { error } = await superserve.GET("/sandboxes", options);
      return error ? `${error.error.code}: ${error.error.message}` : "";
    }
  }
}

const refused = (reason: unknown) => { throw new Error(JSON.stringify(reason)); };

// What a test suite does with the admin API.

async function failures() {
  const { data: set, error } = await admin.POST("/faults", {
    body: { provider: "prime", operation: "listSandboxes", code: 503, times: 2, headers: { "Retry-After": "0" } },
  });
  if (!set) return refused(error);
  const statuses: number[] = [];
  const noted: Middleware = { onResponse: ({ response }) => void statuses.push(response.status) };
  prime.use(noted);
  let rows: PrimeSandbox[] | undefined;
  for (let tries = 0; !rows && tries < 5; tries++) rows = (await prime.GET("/api/v1/sandbox")).data?.sandboxes;
  prime.eject(noted);
  const { data: kept } = await admin.GET("/faults");
  const status = kept?.faults.find((each) => each.id === set.id);
  const { error: problem } = await admin.POST("/faults", {
    body: { provider: "prime", operation: "listSandboxes", code: 503, times: 0 },
  });
  await admin.DELETE("/faults");
  return {
    statuses, rows: rows?.length, code: status?.code, times: status?.times, hits: status?.hits, completed: status?.completed,
    fields: problem?.errors?.map((each) => each.field),
  };
}

async function time() {
  const before = await allOfDreadnode({ state: ["running", "paused"] });
  const { data: clock } = await admin.PUT("/clock", { body: { action: "advance", seconds: 30 * 86_400 } });
  const after = await allOfDreadnode({ state: ["running", "paused"] });
  await admin.PUT("/clock", { body: { action: "reset" } });
  return { before: before.length, after: after.length, aged: clock?.aged_seconds };
}

async function documents() {
  const params = { path: { slug: "prime", tenant: "main" } };
  const { data } = await admin.GET("/documents/{slug}/{tenant}", { params });
  const [first] = (data ?? []) as PrimeSandbox[];
  if (!first) return refused("no documents");
  const mine: PrimeSandbox = { ...first, id: "mine", labels: ["mine"], environmentVars: { DEBUG: "1", deep: { more: [1] } } };
  const { response } = await admin.PUT("/documents/{slug}/{tenant}", { params, body: [mine] });
  const found = await allOfPrime({ labels: ["mine"] });
  const body = [{ ...mine, status: "ASLEEP" }];
  const { error } = await admin.PUT("/documents/{slug}/{tenant}", { params, body });
  return { put: response.status, found, problem: error?.errors };
}

async function journal() {
  await prime.GET("/api/v1/sandbox", { params: { query: { per_page: 7 } } });
  const pattern: AdminParts["schemas"]["Pattern"] = { provider: "prime", queryParameters: { per_page: { equalTo: "7" } } };
  const { data } = await admin.POST("/requests/find", { body: pattern });
  return data?.requests.map((each) => ({ status: each.status, caller: each.caller, size: each.values?.["per_page"] }));
}

async function state() {
  const { data: snapshot } = await admin.GET("/snapshot");
  if (!snapshot) return refused("no snapshot");
  const { data: settings } = await admin.PUT("/settings", { body: { rate_limits: { superserve: "enforced" } } });
  const put = await admin.PUT("/snapshot", { body: snapshot });
  const { data: restored } = await admin.GET("/settings");
  const reset = await admin.POST("/reset");
  return {
    version: snapshot.version, changed: settings?.rate_limits?.["superserve"], restored: restored?.rate_limits?.["superserve"],
    put: put.response.status, reset: reset.response.status,
  };
}

// The tasks, one after the other.

const { data: facets } = await dreadnode.GET("/api/v1/org/{org}/sandboxes/facets", { params: { path: org } });
const { data: health } = await admin.GET("/health");
const { data: rows } = await admin.GET("/errors");
const [dreadnodeRows, instavmRows, primeRows, superserveRows] = [
  await allOfDreadnode(), await allOfInstaVM(), await allOfPrime(), await allOfSuperserve(),
];
const pair = Object.entries(superserveRows.find((each) => Object.keys(each.metadata).length)?.metadata ?? {})[0] ?? ["", ""];
const member = Object.entries(instavmRows.find((each) => Object.keys(each.metadata).length)?.metadata ?? {})[0] ?? ["", ""];
const label = primeRows.find((each) => each.labels?.length)?.labels?.[0] ?? "";
const sentences: { [slug: string]: { [status: string]: string } } = {};
for (const row of rows ?? []) {
  if (row.operation === "listSandboxes") {
    (sentences[row.provider] ??= {})[row.code] = await sentence(row.provider, String(row.code));
  }
}
const told = {
  health: health?.status,
  served: Object.keys(health?.specs ?? {}).sort(),
  lines: {
    dreadnode: dreadnodeRows.map(dreadnodeLine),
    instavm: instavmRows.map(instavmLine),
    prime: primeRows.map(primeLine),
    superserve: superserveRows.map(superserveLine),
  },
  facets: facets?.states?.map((each) => [each.value, each.count]),
  filtered: {
    dreadnode: (await allOfDreadnode({ state: ["paused", "killed"], limit: 100 })).map((each) => each.id),
    instavm: [member, (await allOfInstaVM({ [member[0]]: member[1] })).map((each) => each.sandbox_id)],
    prime: [label, (await allOfPrime({ labels: [label], is_active: true })).map((each) => each.id)],
    superserve: [
      pair,
      (await allOfSuperserve({ metadata: { [`metadata.${encodeURIComponent(pair[0])}`]: pair[1] } })).map((each) => each.id),
      (await allOfSuperserve({ status: ["paused", "resuming"] })).map((each) => each.id),
    ],
  },
  sentences,
  failures: await failures(),
  time: await time(),
  journal: await journal(),
  state: await state(),
  documents: await documents(),
};
console.log(JSON.stringify(told));
