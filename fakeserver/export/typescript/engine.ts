// Answers requests as the server does, from a provider's table, its functions and its documents. Nothing here knows a
// provider.

import type { Body, readBody } from "./bodies.js";
import { Collection, rowsOf, Seen, Taken, type Kind, type Lines, type Row } from "./collections.js";
import { decode, type Input, type Issue as InputIssue, type Values } from "./inputs.js";
import { intOf, read, write } from "./json.js";
import { countFacets, pageOf, questionOf, select, type Facet, type Filter, type Pages } from "./listing.js";
import { keptOf, readWanted, SCENARIOS, splitCredential, unknownPreference, type Known, type Wanted } from "./preferences.js";
import * as py from "./python.js";
import { FakeProblem, Issue, Problem, UNKNOWN, ValueRefused, type Result, type Write } from "./runtime.js";

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
  readonly redirects: boolean;
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
  readonly query: { readonly bytes: number; readonly fields: number };
}

/** By kind and tenant, newest first. */
export type Documents = Readonly<Record<string, Readonly<Record<string, Lines>>>>;
/** By tenant, and by who looks (or whether it is a later page): the rows of a scenario. */
export type Scene = Readonly<Record<string, Readonly<Record<string, Lines>>>>;
/** What only calls need, which is loaded with the first of them. */
export type Calls = () => Promise<{ readonly calls: Record<string, any>; readonly readBody: typeof readBody }>;
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
const PATH_CHARACTERS = "/:@!$&'()*+,;=";
const SLOW_SECONDS = 3;
const MOST_ATTEMPTS = 100;

interface Progress {
  operation?: Operation;
  /** What is done to the answer, and undone where a request is refused that should have turned out otherwise. */
  effect: { label: string; seconds: number; outcome: string; key: string } | null;
  applied: string | null;
  scenario: string;
}

/** A provider, served. `prefix` is the path in front of the provider's own. */
export class Engine {
  private readonly patterns: { methods: readonly string[]; pattern: RegExp; names: string[]; operation?: Operation; refusal?: Refusal }[];
  private readonly tenants = new Map<string, Map<string, Collection>>();
  private readonly counters = new Map<string, number>();
  private readonly scenes = new Map<string, Map<string, readonly Row[]>>();
  private readonly switches: Map<string, any>;
  private calls: Awaited<ReturnType<Calls>> | undefined;
  private readonly clock: () => number;
  private readonly scenario: string;
  private readonly secret: Uint8Array;
  private readonly epoch: number;

  constructor(
    private readonly table: Table, private readonly functions: Record<string, any>, private readonly load: Calls,
    private readonly documents: Documents, private readonly scenarios: Scenes, private readonly base: string,
    { clock = Date.now, scenario = "" }: Options = {},
  ) {
    if (scenario && !SCENARIOS.includes(scenario)) throw new Error(`scenario ${scenario} is not known; known are ${SCENARIOS.join(", ")}`);
    this.scenario = scenario;
    this.patterns = table.endpoints.map(({ methods, path, operation, refusal }) => ({
      methods,
      pattern: new RegExp(`^${path.split(/\{[^{}]*\}/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("([^/]+)")}$`),
      names: [...path.matchAll(/\{([^{}]*)\}/g)].map((match) => match[1]!),
      operation: operation === undefined ? undefined : table.operations[operation],
      refusal,
    }));
    this.switches = read(table.switches);
    this.clock = clock;
    this.secret = py.fromhex(table.world.secret);
    this.epoch = Number(table.world.epoch);
  }

  private get prefix(): string {
    return new URL(this.base).pathname.replace(/\/$/, "");
  }

  /** The answer to a request, whatever it asks for. */
  async answer(request: Request): Promise<Response> {
    const url = new URL(request.url);
    const path = py.unquote(url.pathname.slice(this.prefix.length));
    const sent = request.body === null ? new Uint8Array() : new Uint8Array(await request.arrayBuffer());
    const { status, body, headers, seconds } = await this.respond(request.method, path, url.search.slice(1), request.headers, sent);
    if (seconds) await new Promise((done) => setTimeout(done, 1_000 * seconds));
    return new Response(request.method === "HEAD" || !body ? null : body, { status, headers });
  }

  private async respond(method: string, path: string, query: string, headers: globalThis.Headers, sent: Uint8Array): Promise<Answer> {
    const progress: Progress = { effect: null, applied: null, scenario: "" };
    let answer: Answer;
    try {
      answer = await this.stages(method, path, query, headers, sent, progress);
    } catch (error) {
      answer = this.refuse(error, progress);
      if (progress.effect?.outcome && !(error instanceof Injected)) {
        // A request that is refused changes nothing, so that nothing turned out otherwise.
        this.counters.set(progress.effect.key, (this.counters.get(progress.effect.key) ?? 1) - 1);
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

  private refuse(error: unknown, { operation }: Progress): Answer {
    if (error instanceof Injected) return error.answer;
    if (error instanceof FakeProblem) {
      const { status, detail, field } = error;
      const body = JSON.stringify({ type: "about:blank", title: TITLES[status], status, detail, field });
      return { status, body, headers: { "Content-Type": "application/problem+json" }, seconds: 0 };
    }
    if (!(error instanceof Problem)) console.error(error);
    const problem = error instanceof Problem ? error : new Problem(500, "internal", "Internal Server Error");
    if (operation) problem.operation = operation.known.id;
    const [status, body] = this.functions["errors"](problem, this.switches);
    return this.sent(status, write(body), { ...Object.fromEntries(problem.headers), ...challengeOf(operation, status) });
  }

  private sent(status: number, body: string, more: Headers = {}): Answer {
    return { status, body, headers: { ...this.table.headers, ...more, "Content-Type": this.table.mediaType }, seconds: 0 };
  }

  /** The stages of a request, in order; each may refuse. */
  private async stages(
    method: string, path: string, query: string, headers: globalThis.Headers, sent: Uint8Array, progress: Progress,
  ): Promise<Answer> {
    const { operation, segments } = this.find(method, path, query);
    const { known } = operation;
    progress.operation = operation;
    const { bytes, fields } = this.table.query;
    if (query.length > bytes) throw new Problem(414, "too_long", `The query is longer than ${bytes} bytes`);
    if (query.split("&").length > fields) throw new Problem(400, "too_many", `The query has more than ${fields} fields`);
    const pairs = py.pairsOf(query);
    const { keys, suffix } = credentialsOf(operation, headers);
    const wanted = readWanted(known, headers.get("prefer"), pairs, suffix);
    if (known.scenarios) progress.scenario = wanted?.scenario || this.scenario;
    this.follow(operation, wanted, keys, progress);
    const key = keys.find((each) => this.functions["callers"].has(each));
    if (key === undefined && !operation.public) {
      for (const each of keys) {
        const at = each.indexOf("+");
        if (at >= 0 && this.functions["callers"].has(each.slice(0, at))) throw unknownPreference(each.slice(at + 1).split("=")[0]!);
      }
      throw this.functions["stranger"](keys, this.switches);
    }
    for (const [name, refusal] of Object.entries(operation.missing)) {
      if (pairs.some(([given]) => (refusal.prefix ? given.startsWith(refusal.prefix) : given === name))) throw injected(refusal);
    }
    if (!operation.pages && !operation.facets) this.calls ??= await this.load();
    const { values, body } = this.read(operation, segments, pairs, sent, headers);
    const now = this.now();
    const view = this.viewOf(key === undefined ? this.functions["nobody"] : this.functions["callers"].get(key), keys, now);
    if (operation.pages || operation.facets) return this.list(operation, values, view, progress.scenario);
    return this.call(operation, values, body, view, progress, query);
  }

  private now(): number {
    return Math.max(this.epoch, Math.trunc(this.clock() * 1_000));
  }

  private find(method: string, path: string, query: string): { operation: Operation; segments: Record<string, string> } {
    const allowed: (readonly string[])[] = [];
    for (const { methods, pattern, names, operation, refusal } of this.patterns) {
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
      const methods = new Set((this.table.allow === "first" ? allowed.slice(0, 1) : allowed).flat());
      throw new Problem(405, "method_not_allowed", "Method Not Allowed", [], new Map([["Allow", [...methods].join(", ")]]));
    }
    const other = path.endsWith("/") ? path.replace(/\/+$/, "") : `${path}/`;
    if (this.table.redirects && this.patterns.some(({ pattern }) => pattern.test(other))) {
      const escaped = py.quote(this.prefix + other, PATH_CHARACTERS) + (query ? py.quote(`?${query}`, `${PATH_CHARACTERS}?%[]`) : "");
      throw new Injected({ status: 307, body: "", headers: { ...this.table.headers, Location: escaped }, seconds: 0 });
    }
    throw new Problem(404, "not_found", "Not Found");
  }

  /** What is done to the answer: what the request asks for, or what its scenario does. */
  private follow(operation: Operation, wanted: Wanted | null, keys: readonly string[], progress: Progress): void {
    const { scenario } = progress;
    const place = `${operation.known.id} ${JSON.stringify(keys)}`;
    const label = `scenario=${scenario}`;
    let injecting: Wanted["injected"] = null;
    if (scenario === "slow") progress.effect = { label, seconds: SLOW_SECONDS, outcome: "", key: "" };
    if (scenario === "flaky" && this.turn(`${place} ${label}`) % 2 === 1) {
      progress.effect = { label, seconds: 0, outcome: "", key: "" };
      const { flaky } = operation;
      const documented = operation.known.examples[flaky];
      injecting = { status: flaky, body: documented ? Object.values(documented.bodies)[0]! : null };
    }
    if (wanted?.scenario) progress.applied = `scenario=${wanted.scenario}`;
    if (wanted?.fails && this.admits(`${place} ${wanted.text}`, wanted)) {
      progress.applied = wanted.text;
      const acts = wanted.injected !== null || wanted.seconds !== null || wanted.outcome !== "";
      progress.effect = acts ? { label: wanted.text, seconds: wanted.seconds ?? 0, outcome: wanted.outcome, key: `${place} ${wanted.text}` } : null;
      injecting = wanted.injected;
    }
    if (injecting === null) return;
    const { status, body } = injecting;
    const more = { ...operation.known.examples[status]?.headers };
    if (body !== null) throw new Injected(this.sent(status, body, more));
    const [, said] = this.functions["errors"](withOperation(new Problem(status, "forced", "A failure that the spec does not document"), operation), this.switches);
    throw new Injected(this.sent(status, write(said), more));
  }

  private turn(key: string): number {
    const count = (this.counters.get(key) ?? 0) + 1;
    this.counters.set(key, count);
    return count;
  }

  private admits(key: string, { times, after }: Wanted): boolean {
    if (times === null && !after) return true;
    const count = this.turn(key);
    return count > after && (times === null || count <= after + times);
  }

  /** The typed values of a request and its body, or a refusal with every issue. */
  private read(
    operation: Operation, segments: Record<string, string>, pairs: readonly py.Pair[], sent: Uint8Array, headers: globalThis.Headers,
  ): { values: Values; body: any } {
    const raw: InputIssue[] = [];
    const values = decode(operation.inputs, segments, pairs, raw);
    const issues = raw.map(issueOf);
    for (const { parameter } of operation.filters) {
      const [decoding, checking] = ["decode", "check"].map((each) => this.functions[`${operation.known.id} ${parameter} ${each}`]);
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
        body = this.calls!.readBody(operation.body, sent, headers.get("content-type") ?? "");
      } catch (error) {
        if (!(error instanceof Problem) || error.kind !== "invalid") throw error;
        issues.push(...error.issues);
      }
    }
    if (issues.length) throw invalid(issues);
    return { values, body };
  }

  // Documents

  private kindOf(name: string): Kind {
    return { ...this.table.kinds[name]!, machine: this.calls?.calls[`machine ${name}`] ?? null };
  }

  private collections(kind: string): Map<string, Collection> {
    let found = this.tenants.get(kind);
    if (!found) {
      const made = Object.entries(this.documents[kind]!).map(([tenant, lines]): [string, Collection] =>
        [tenant, new Collection(rowsOf(lines), () => this.kindOf(kind), (...given) => new this.calls!.calls["Life"](...given), this.epoch)]);
      this.tenants.set(kind, (found = new Map(made)));
    }
    return found;
  }

  private seen(kind: string, now: number): Map<string, Seen> {
    return new Map([...this.collections(kind)].map(([tenant, each]) => [tenant, new Seen(each, now, this.epoch)]));
  }

  private get writes(): number {
    return [...this.tenants.values()].flatMap((tenants) => [...tenants.values()]).reduce((sum, each) => sum + each.writes, 0);
  }

  /** What a function is shown. */
  private viewOf(caller: any, keys: readonly string[], now: number): any {
    const { table, epoch, secret } = this;
    const [all, kinds] = [new Map<string, Map<string, Seen>>(), (kind: string): Map<string, Seen> => {
      if (!all.has(kind)) all.set(kind, this.seen(kind, now));
      return all.get(kind)!;
    }];
    const guest = { forget: () => null, copy: () => null, move: () => null, set_variables: () => null };
    const find = (tenant: string, identity: any, kind: string, field: string | null): any => {
      const collection = this.collections(kind).get(tenant);
      if (!collection) throw new py.KeyError(tenant);
      const row = typeof identity === "string" ? collection.find(identity, now, field) : null;
      const life = row && collection.lifeOf(row, now);
      if (!row || !life) return null;
      return new this.calls!.calls["Record"](life, row.owner, tenant, row.id, row.seeded ? 0 : null, kind, true);
    };
    const engine = this;
    return {
      caller, keys, now, find, kinds, attempt: 0, outcome: "", transitions: "immediate", switches: this.switches,
      get tenants() { return kinds(""); },
      issuer: { name: "", secret, epoch, as_of: Number(table.world.asOf), get writes() { return engine.writes; } },
      get words() { return read(table.words); },
      get caps() { return read(table.caps); },
      base_url: () => this.base, wall: () => now, guest: () => guest,
    };
  }

  // Lists

  private async list(operation: Operation, values: Values, view: any, scenario: string): Promise<Answer> {
    const id = operation.known.id;
    const asked = py.dict(Object.entries(values).map(([name, value]) => [name, plainOf(value)]));
    const scope = this.functions[`${id} tenant`](view.caller, asked, new Map([...this.collections("").keys()].map((name) => [name, null])));
    const owner = operation.personal ? view.caller.user : scope.owner;
    const rows = scenario
      ? await this.scene(scenario, scope.tenant, view.caller.user, begins(operation, values))
      : this.collections("").get(scope.tenant)!.at(view.now);
    const filters = scenario === "next-version" ? operation.filters : [...operation.filters, ...operation.fixed];
    const found = select(rows, filters, owner, values);
    if (operation.facets) {
      const bucketOf = (facet: Facet, row: Row): Map<string, any> => this.functions[`${id} ${facet.name} bucket`](row.document);
      return this.sent(200, countFacets(operation.facets, found, bucketOf));
    }
    const question = (scenario && `scenario=${scenario} `) + questionOf(id, operation.filters, values);
    const context = { ...this.table.world, tenant: scope.tenant, question, mostRows: scenario === "one-row-pages" ? 1 : null };
    const derive = this.functions[`${id} extras`];
    const shown = derive ? (row: Row): string => write(py.union(derive(row.document), row.document)) : (row: Row): string => row.text;
    const { body, headers } = pageOf(operation.pages!, found, values, context, shown);
    return this.sent(200, body, headers);
  }

  /** The rows that a tenant has in a scenario. */
  private async scene(name: string, tenant: string, user: string, first: boolean): Promise<readonly Row[]> {
    const { scene } = await this.scenarios[name]!();
    const variants = scene[tenant]!;
    const variant = name === "churn" && !first ? "later" : Object.hasOwn(variants, user) ? user : "";
    let known = this.scenes.get(name);
    if (!known) this.scenes.set(name, (known = new Map()));
    const key = `${tenant} ${variant}`;
    if (!known.has(key)) known.set(key, rowsOf(variants[variant]!, rowsOf(this.documents[""]![tenant]!)));
    return known.get(key)!;
  }

  // Calls

  private call(operation: Operation, values: Values, body: any, view: any, progress: Progress, query: string): Answer {
    const respond = this.calls!.calls[`${operation.known.id} respond`];
    const asked = {
      values: py.dict(Object.entries(values).map(([name, value]) => [name, plainOf(value)])),
      body, headers: new Map(), query: py.encode(query), question: py.encode(""),
    };
    view.outcome = progress.effect?.outcome ?? "";
    for (;;) {
      const result: Result = respond(asked, view);
      try {
        this.apply(result.writes, view.now);
      } catch (error) {
        if (!(error instanceof Taken) || ++view.attempt === MOST_ATTEMPTS) throw error;
        continue;
      }
      const text = result.body === "" || result.body instanceof Uint8Array ? "" : write(result.body);
      return this.sent(result.status, text, Object.fromEntries(result.headers ?? []));
    }
  }

  /** Make all writes as one. */
  private apply(writes: readonly Write[], now: number): void {
    const changes = new Map<Collection, Write["changes"][number][]>();
    for (const { tenant, kind, changes: made } of writes) {
      const collection = this.collections(kind).get(tenant)!;
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

function issueOf(issue: InputIssue): Issue {
  const { loc, msg, type, context } = issue;
  return new Issue(loc, msg, type, "input" in issue ? issue.input : UNKNOWN, context ? read(context) : new Map());
}

function challengeOf(operation: Operation | undefined, status: number): Headers {
  return operation?.challenges.includes(status) ? { "WWW-Authenticate": "Bearer" } : {};
}

/** Whether the first of the found documents is asked for. */
function begins({ pages }: Operation, values: Values): boolean {
  const position = pages?.position;
  if (position?.kind === "numbered") return values[position.number] === 1n;
  if (position?.kind === "window") return !values[position.offset];
  return position?.kind !== "cursor" || values[position.cursor] === null;
}

/** The credentials of a request without their suffixes, and what these ask for. */
function credentialsOf(operation: Operation, headers: globalThis.Headers): { keys: string[]; suffix: Map<string, string> } {
  const keys: string[] = [];
  let suffix = new Map<string, string>();
  for (const { header, prefix } of operation.security) {
    let text = headers.get(header);
    if (text === null) continue;
    if (prefix) {
      const at = text.indexOf(" ");
      if ((at < 0 ? text : text.slice(0, at)).toLowerCase() !== prefix) continue;
      text = at < 0 ? "" : text.slice(at + 1);
    }
    const [key, asked] = splitCredential(text.trim());
    suffix = new Map([...suffix, ...keptOf(asked, operation.known)]);
    keys.push(key);
  }
  return { keys, suffix };
}
