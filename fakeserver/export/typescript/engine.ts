// Answers requests as the server does, from a provider's table, its functions and its documents. Nothing here knows a
// provider.

import { readBody, type Body, type Wording } from "./bodies.js";
import { collectionOf, rowsOf, seenOf, Taken, type Collection, type Kind, type Lines, type Row } from "./collections.js";
import type { Facet } from "./facets.js";
import type { Filter } from "./filters.js";
import { decode, type Input, type Values } from "./inputs.js";
import { intOf, read, write } from "./json.js";
import { pageOf, questionOf, select, type Pages } from "./listing.js";
import type { Parts } from "./parts.js";
import { checkScenario, keptOf, readWanted, splitCredential, unknownPreference, type Known, type Wanted } from "./preferences.js";
import * as py from "./python.js";
import { Context, FakeProblem, Issue, Problem, ValueRefused } from "./runtime.js";

/** An answer that was written out when the table was. */
export interface Refusal {
  readonly status: number;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface Operation {
  readonly known: Known;
  readonly inputs: readonly Input[];
  readonly body: Body | null;
  /** Of one that a function answers, the place of that. */
  readonly call?: number;
  /** The member of a body that is a credential as well. */
  readonly credential?: string;
  readonly public: boolean;
  /** Parameters that this export cannot read, and the answers to requests that have them. */
  readonly missing: Readonly<Record<string, Refusal & { readonly prefix: string }>>;
  readonly filters: readonly Filter[];
  readonly fixed: readonly Filter[];
  readonly security: readonly { readonly header: string; readonly prefix: string }[];
  /** What is sent with a status of those that are documented, whatever came about. */
  readonly challenges: readonly number[];
  /** Whether everybody sees their own documents alone. */
  readonly personal: boolean;
  readonly pages?: Pages;
  readonly facets?: readonly Facet[];
  /** The status of the failure of a flaky scenario. */
  readonly flaky: number;
}

export interface Table {
  readonly provider: string;
  readonly mediaType: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly allow: string;
  /** Instants are microseconds since 1970. */
  readonly world: { readonly secret: string; readonly epoch: string; readonly asOf: string };
  /** The choices that are made of the provider's switches, how many of something a tenant may have, and vocabularies. */
  readonly switches: string;
  readonly caps: string;
  readonly words: string;
  readonly endpoints: readonly { readonly methods: readonly string[]; readonly path: string; readonly operation?: string; readonly refusal?: Refusal }[];
  readonly operations: Readonly<Record<string, Operation>>;
  /** How documents are ordered and named, by kind; the sandboxes' has no name. */
  readonly kinds: Readonly<Record<string, { readonly created: string; readonly identity: string }>>;
  readonly wording: Wording;
  readonly query: { readonly bytes: number; readonly fields: number };
}

/** By kind and tenant, newest first. */
export type Documents = Readonly<Record<string, Readonly<Record<string, Lines>>>>;
/** By tenant, and by who looks (or whether it is a later page): the rows of a scenario. */
export type Scene = Readonly<Record<string, Readonly<Record<string, Lines>>>>;
export type Scenes = Readonly<Record<string, () => Promise<{ readonly scene: Scene }>>>;

export interface Options {
  /** Milliseconds since 1970, as `Date.now` has them. */
  readonly clock?: () => number;
  /** What lists show where a request asks for no other scenario. */
  readonly scenario?: string;
}

type Headers = Record<string, string>;

export interface Answer {
  status: number;
  body: string;
  headers: Headers;
  seconds: number;
}

/** An answer that takes the place of the real one. */
class Injected extends Error {
  constructor(readonly answer: Answer) {
    super(`answered with ${answer.status}`);
  }
}

const TITLES: Readonly<Record<number, string>> = { 400: "Bad Request", 501: "Not Implemented" };
const FAULT_HEADER = "X-Fakeserver-Fault";
const SCENARIO_HEADER = "X-Fakeserver-Scenario";
const OUTSIDE_HEADER = "X-Fakeserver-Outside-Schema";
const SLOW_SECONDS = 3;
const MOST_ATTEMPTS = 100;

interface Progress {
  operation?: Operation;
  /** What is done to the answer, and undone where a request is refused that should have turned out otherwise. */
  effect: { label: string; seconds: number; outcome: string; key: string } | null;
  applied: string | null;
  scenario: string;
}

/** A provider, served at a base URL: what answers its requests. */
export function serve(
  table: Table, functions: Record<string, any>, calls: readonly any[], parts: Parts, documents: Documents, scenes: Scenes, base: string,
  { clock = Date.now, scenario: usual = "" }: Options = {},
): (request: Request) => Promise<Response> {
  const shows = Object.keys(scenes);
  if (usual) checkScenario(usual, shows);
  const prefix = new URL(base).pathname.replace(/\/$/, "");
  const patterns = table.endpoints.map(({ methods, path, operation, refusal }) => ({
    methods,
    pattern: new RegExp(`^${path.split(/\{[^{}]*\}/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("([^/]+)")}$`),
    names: [...path.matchAll(/\{([^{}]*)\}/g)].map((match) => match[1]!),
    operation: operation === undefined ? undefined : table.operations[operation],
    refusal,
  }));
  const tenants = new Map<string, Map<string, Collection>>();
  const counters = new Map<string, number>();
  const scenesSeen = new Map<string, Map<string, readonly Row[]>>();
  const switches: Map<string, any> = read(table.switches);
  const secret = py.fromhex(table.world.secret);
  const epoch = Number(table.world.epoch);
  return answer;

  /** The answer to a request, whatever it asks for. */
  async function answer(request: Request): Promise<Response> {
    const url = new URL(request.url);
    const path = py.unquote(url.pathname.slice(prefix.length));
    const sent = request.body === null ? new Uint8Array() : new Uint8Array(await request.arrayBuffer());
    const { status, body, headers, seconds } = await respond(request.method, path, url.search.slice(1), request.headers, sent);
    if (seconds) await new Promise((done) => setTimeout(done, 1_000 * seconds));
    return new Response(request.method === "HEAD" || !body ? null : body, { status, headers });
  }

  async function respond(method: string, path: string, query: string, headers: globalThis.Headers, sent: Uint8Array): Promise<Answer> {
    const progress: Progress = { effect: null, applied: null, scenario: "" };
    let answer: Answer;
    try {
      answer = await stages(method, path, query, headers, sent, progress);
    } catch (error) {
      answer = refuse(error, progress);
      if (progress.effect?.outcome && !(error instanceof Injected)) {
        // A request that is refused changes nothing, so that nothing turned out otherwise.
        counters.set(progress.effect.key, (counters.get(progress.effect.key) ?? 1) - 1);
        progress.effect = progress.applied = null;
      }
    }
    if (progress.effect !== null) {
      answer.headers[FAULT_HEADER] = progress.effect.label;
      answer.seconds = progress.effect.seconds;
    }
    if (progress.scenario) {
      answer.headers[SCENARIO_HEADER] = progress.scenario;
      if (progress.scenario === "next-version") answer.headers[OUTSIDE_HEADER] = "true";
    }
    if (progress.applied !== null) answer.headers["Preference-Applied"] = progress.applied;
    return answer;
  }

  function refuse(error: unknown, { operation }: Progress): Answer {
    if (error instanceof Injected) return error.answer;
    if (error instanceof FakeProblem) {
      const { status, detail, field } = error;
      const body = JSON.stringify({ type: "about:blank", title: TITLES[status], status, detail, field });
      return { status, body, headers: { "Content-Type": "application/problem+json" }, seconds: 0 };
    }
    if (!(error instanceof Problem)) console.error(error);
    const problem = error instanceof Problem ? error : new Problem(500, "internal", "Internal Server Error");
    if (operation) problem.operation = operation.known.id;
    const [status, body] = functions["errors"](problem, switches);
    return sentOf(status, write(body), { ...Object.fromEntries(problem.headers), ...challengeOf(operation, status) });
  }

  function sentOf(status: number, body: string, more: Headers = {}): Answer {
    return { status, body, headers: { ...table.headers, ...more, "Content-Type": table.mediaType }, seconds: 0 };
  }

  /** The stages of a request, in order; each may refuse. */
  async function stages(
    method: string, path: string, query: string, headers: globalThis.Headers, sent: Uint8Array, progress: Progress,
  ): Promise<Answer> {
    const { operation, segments } = findOperation(method, path, query);
    const { known } = operation;
    progress.operation = operation;
    const { bytes, fields } = table.query;
    if (query.length > bytes) throw new Problem(414, "too_long", `The query is longer than ${bytes} bytes`);
    if (query.split("&").length > fields) throw new Problem(400, "too_many", `The query has more than ${fields} fields`);
    const pairs = py.pairsOf(query);
    const inside = operation.credential ? parts.credentialIn!(sent, operation.credential) : [];
    const { keys, suffix } = credentialsOf(operation, headers, inside);
    const wanted = readWanted(known, shows, headers.get("prefer"), pairs, suffix);
    if (known.scenarios) progress.scenario = wanted?.scenario || usual;
    follow(operation, wanted, keys, progress);
    const key = keys.find((each) => functions["callers"].has(each));
    if (key === undefined && !operation.public) {
      for (const each of keys) {
        const at = each.indexOf("+");
        if (at >= 0 && functions["callers"].has(each.slice(0, at))) throw unknownPreference(each.slice(at + 1).split("=")[0]!);
      }
      throw functions["stranger"](keys, switches);
    }
    for (const [name, refusal] of Object.entries(operation.missing)) {
      if (pairs.some(([given]) => (refusal.prefix ? given.startsWith(refusal.prefix) : given === name))) throw injected(refusal);
    }
    const { values, body } = readAsked(operation, segments, pairs, sent, headers);
    const now = nowOf();
    const view = viewOf(key === undefined ? functions["nobody"] : functions["callers"].get(key), keys, now);
    if (operation.pages || operation.facets) return list(operation, values, view, progress.scenario);
    return callOf(operation, values, body, view, progress, query);
  }

  function nowOf(): number {
    return Math.max(epoch, Math.trunc(clock() * 1_000));
  }

  function findOperation(method: string, path: string, query: string): { operation: Operation; segments: Record<string, string> } {
    const allowed: (readonly string[])[] = [];
    for (const { methods, pattern, names, operation, refusal } of patterns) {
      const match = pattern.exec(path);
      if (!match) continue;
      if (!methods.includes(method)) {
        allowed.push(methods);
        continue;
      }
      if (refusal) throw injected(refusal);
      return { operation: operation!, segments: Object.fromEntries(names.map((name, index) => [name, match[index + 1]!])) };
    }
    if (allowed.length) {
      const methods = new Set((table.allow === "first" ? allowed.slice(0, 1) : allowed).flat());
      throw new Problem(405, "method_not_allowed", "Method Not Allowed", [], new Map([["Allow", [...methods].join(", ")]]));
    }
    const other = path.endsWith("/") ? path.replace(/\/+$/, "") : `${path}/`;
    if (parts.locationOf && patterns.some(({ pattern }) => pattern.test(other))) {
      const headers = { ...table.headers, Location: parts.locationOf(prefix + other, query) };
      throw new Injected({ status: 307, body: "", headers, seconds: 0 });
    }
    throw new Problem(404, "not_found", "Not Found");
  }

  /** What is done to the answer: what the request asks for, or what its scenario does. */
  function follow(operation: Operation, wanted: Wanted | null, keys: readonly string[], progress: Progress): void {
    const { scenario } = progress;
    const place = `${operation.known.id} ${JSON.stringify(keys)}`;
    const label = `scenario=${scenario}`;
    let injecting: Wanted["injected"] = null;
    if (scenario === "slow") progress.effect = { label, seconds: SLOW_SECONDS, outcome: "", key: "" };
    if (scenario === "flaky" && turn(`${place} ${label}`) % 2 === 1) {
      progress.effect = { label, seconds: 0, outcome: "", key: "" };
      const { flaky } = operation;
      const documented = operation.known.examples[flaky];
      injecting = { status: flaky, body: documented ? Object.values(documented.bodies)[0]! : null };
    }
    if (wanted?.scenario) progress.applied = `scenario=${wanted.scenario}`;
    if (wanted?.fails && admits(`${place} ${wanted.text}`, wanted)) {
      progress.applied = wanted.text;
      const acts = wanted.injected !== null || wanted.seconds !== null || wanted.outcome !== "";
      progress.effect = acts ? { label: wanted.text, seconds: wanted.seconds ?? 0, outcome: wanted.outcome, key: `${place} ${wanted.text}` } : null;
      injecting = wanted.injected;
    }
    if (injecting === null) return;
    const { status, body } = injecting;
    const more = { ...operation.known.examples[status]?.headers };
    if (body !== null) throw new Injected(sentOf(status, body, more));
    const [, said] = functions["errors"](withOperation(new Problem(status, "forced", "A failure that the spec does not document"), operation), switches);
    throw new Injected(sentOf(status, write(said), more));
  }

  function turn(key: string): number {
    const count = (counters.get(key) ?? 0) + 1;
    counters.set(key, count);
    return count;
  }

  function admits(key: string, { times, after }: Wanted): boolean {
    if (times === null && !after) return true;
    const count = turn(key);
    return count > after && (times === null || count <= after + times);
  }

  /** The typed values of a request and its body, or a refusal with every issue. */
  function readAsked(
    operation: Operation, segments: Record<string, string>, pairs: readonly py.Pair[], sent: Uint8Array, headers: globalThis.Headers,
  ): { values: Values; body: any } {
    const issues: Issue[] = [];
    const values = decode(parts.values, operation.inputs, segments, pairs, issues);
    for (const { parameter } of operation.filters) {
      const [decoding, checking] = ["decode", "check"].map((each) => functions[`${operation.known.id} ${parameter} ${each}`]);
      if (values[parameter] === null || values[parameter] === undefined || !(decoding || checking)) continue;
      try {
        if (decoding) values[parameter] = decoding(values[parameter]);
        if (checking) issues.push(...checking(values[parameter]));
      } catch (error) {
        if (!(error instanceof ValueRefused)) throw error;
        issues.push(new Issue(["query", parameter], error.msg, error.type));
        values[parameter] = null;
      }
    }
    let body = null;
    if (operation.body) {
      try {
        body = readBody(operation.body, table.wording, parts.explain, sent, headers.get("content-type") ?? "");
      } catch (error) {
        if (!(error instanceof Problem) || error.kind !== "invalid") throw error;
        issues.push(...error.issues);
      }
    }
    if (issues.length) throw invalid(issues);
    return { values, body };
  }

  // Documents

  function kindOf(name: string): Kind {
    return { ...table.kinds[name]!, machine: functions[`machine ${name}`] ?? null };
  }

  function collections(kind: string): Map<string, Collection> {
    let found = tenants.get(kind);
    if (!found) {
      const made = Object.entries(documents[kind]!).map(([tenant, lines]): [string, Collection] =>
        [tenant, collectionOf(rowsOf(lines), kindOf(kind), (...given) => new functions["Life"](...given), epoch)]);
      tenants.set(kind, (found = new Map(made)));
    }
    return found;
  }

  function seen(kind: string, now: number): Map<string, any> {
    return new Map([...collections(kind)].map(([tenant, each]) => [tenant, seenOf(each, now, epoch)]));
  }

  function writesOf(): number {
    return [...tenants.values()].flatMap((tenants) => [...tenants.values()]).reduce((sum, each) => sum + each.writes, 0);
  }

  /** What a function is shown. */
  function viewOf(caller: any, keys: readonly string[], now: number): any {
    const [all, kinds] = [new Map<string, Map<string, any>>(), (kind: string): Map<string, any> => {
      if (!all.has(kind)) all.set(kind, seen(kind, now));
      return all.get(kind)!;
    }];
    const guest = { forget: () => null, copy: () => null, move: () => null, set_variables: () => null };
    const find = (tenant: string, identity: any, kind: string, field: string | null): any => {
      const collection = collections(kind).get(tenant);
      if (!collection) throw new py.KeyError(tenant);
      const row = typeof identity === "string" ? collection.find(identity, now, field) : null;
      const life = row && collection.lifeOf(row, now);
      if (!row || !life) return null;
      return new functions["Record"](life, row.owner, tenant, row.id, row.seeded ? 0 : null, kind, true);
    };
    return {
      caller, keys, now, find, kinds, attempt: 0, outcome: "", transitions: "immediate", switches: switches,
      get tenants() { return kinds(""); },
      issuer: { name: "", secret, epoch, as_of: Number(table.world.asOf), get writes() { return writesOf(); } },
      get words() { return read(table.words); },
      get caps() { return read(table.caps); },
      base_url: () => base, wall: () => now, guest: () => guest,
    };
  }

  // Lists

  async function list(operation: Operation, values: Values, view: any, scenario: string): Promise<Answer> {
    const id = operation.known.id;
    const asked = py.dict(Object.entries(values).map(([name, value]) => [name, plainOf(value)]));
    const scope = functions[`${id} tenant`](view.caller, asked, new Map([...collections("").keys()].map((name) => [name, null])));
    const owner = operation.personal ? view.caller.user : scope.owner;
    const rows = scenario
      ? await scene(scenario, scope.tenant, view.caller.user, begins(operation, values))
      : collections("").get(scope.tenant)!.at(view.now);
    const filters = scenario === "next-version" ? operation.filters : [...operation.filters, ...operation.fixed];
    const found = select(parts.filters, rows, filters, owner, values);
    if (operation.facets) {
      const bucketOf = (facet: Facet, row: Row): Map<string, any> => functions[`${id} ${facet.name} bucket`](row.document);
      return sentOf(200, parts.countFacets!(operation.facets, found, bucketOf));
    }
    const question = (scenario && `scenario=${scenario} `) + questionOf(id, operation.filters, values);
    const context = new Context(view.issuer, scope.tenant, py.encode(question));
    const mostRows = scenario === "one-row-pages" ? 1 : null;
    const derive = functions[`${id} extras`];
    const shown = derive ? (row: Row): string => write(py.union(derive(row.document), row.document)) : (row: Row): string => row.text;
    const { body, headers } = pageOf(parts.positions[operation.pages!.position.kind]!, operation.pages!, found, values, context, mostRows, shown);
    return sentOf(200, body, headers);
  }

  /** The rows that a tenant has in a scenario. */
  async function scene(name: string, tenant: string, user: string, first: boolean): Promise<readonly Row[]> {
    const { scene } = await scenes[name]!();
    const variants = scene[tenant]!;
    const variant = name === "churn" && !first ? "later" : Object.hasOwn(variants, user) ? user : "";
    let known = scenesSeen.get(name);
    if (!known) scenesSeen.set(name, (known = new Map()));
    const key = `${tenant} ${variant}`;
    if (!known.has(key)) known.set(key, rowsOf(variants[variant]!, rowsOf(documents[""]![tenant]!)));
    return known.get(key)!;
  }

  // Calls

  function callOf(operation: Operation, values: Values, body: any, view: any, progress: Progress, query: string): Answer {
    const respond = calls[operation.call!];
    const asked = {
      values: py.dict(Object.entries(values).map(([name, value]) => [name, plainOf(value)])),
      body, headers: new Map(), query: py.encode(query), question: py.encode(""),
    };
    view.outcome = progress.effect?.outcome ?? "";
    for (;;) {
      const result = respond(asked, view);
      try {
        apply(result.writes, view.now);
      } catch (error) {
        if (!(error instanceof Taken) || ++view.attempt === MOST_ATTEMPTS) throw error;
        continue;
      }
      const text = result.body === "" || result.body instanceof Uint8Array ? "" : write(result.body);
      return sentOf(result.status, text, Object.fromEntries(result.headers ?? []));
    }
  }

  /** Make all writes as one. */
  function apply(writes: readonly any[], now: number): void {
    const changes = new Map<Collection, any[]>();
    for (const { tenant, kind, changes: made } of writes) {
      const collection = collections(kind).get(tenant)!;
      changes.set(collection, [...(changes.get(collection) ?? []), ...made]);
    }
    for (const [collection, made] of changes) collection.apply(made, now);
  }
}

const injected = ({ status, body, headers }: Refusal): Injected => new Injected({ status, body, headers: { ...headers }, seconds: 0 });
const plainOf = (value: any): any => (typeof value === "bigint" ? intOf(value) : Array.isArray(value) ? value.map(plainOf) : value);

function withOperation(problem: Problem, operation: Operation): Problem {
  problem.operation = operation.known.id;
  return problem;
}

export function invalid(issues: readonly Issue[]): Problem {
  return new Problem(422, "invalid", issues.map((each) => `${each.field}: ${each.msg}`).join("; "), issues);
}

function challengeOf(operation: Operation | undefined, status: number): Headers {
  return operation?.challenges.includes(status) ? { "WWW-Authenticate": "Bearer" } : {};
}

/** Whether the first of the found documents is asked for. */
function begins({ pages }: Operation, values: Values): boolean {
  const position = pages?.position;
  if (position?.kind === "numbered") return values[position["number"] as string] === 1n;
  if (position?.kind === "window") return !values[position["offset"] as string];
  return position?.kind !== "cursor" || values[position["cursor"] as string] === null;
}

/** The credentials of a request without their suffixes, and what these ask for. */
function credentialsOf(operation: Operation, headers: globalThis.Headers, inside: readonly string[]): { keys: string[]; suffix: Map<string, string> } {
  const [given, keys]: [string[], string[]] = [[], []];
  let suffix = new Map<string, string>();
  for (const { header, prefix } of operation.security) {
    let text = headers.get(header);
    if (text === null) continue;
    if (prefix) {
      const at = text.indexOf(" ");
      if ((at < 0 ? text : text.slice(0, at)).toLowerCase() !== prefix) continue;
      text = at < 0 ? "" : text.slice(at + 1);
    }
    given.push(text.trim());
  }
  for (const each of [...given, ...inside]) {
    const [key, asked] = splitCredential(each);
    suffix = new Map([...suffix, ...keptOf(asked, operation.known)]);
    keys.push(key);
  }
  return { keys, suffix };
}
