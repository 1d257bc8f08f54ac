// Answers requests as the server does, from a provider's table and its documents. The table is data; nothing here knows
// a provider.

import { blake2b } from "./blake2b.js";
import { decode, exact, type Input, type Issue, type Values } from "./inputs.js";
import { compare, pairsOf, quote, repr, unquote, type Pair } from "./python.js";

/** An answer that was written out when the table was. */
export interface Refusal {
  readonly status: number;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

export type Filter = {
  readonly kind: "equal" | "anyOf" | "within" | "allOf" | "excluding" | "containing" | "pairs";
  readonly parameter: string;
  readonly field: string;
  readonly values?: readonly string[];
  /** What a list is confined to, whatever it is asked for. */
  readonly value?: unknown;
};

export interface Order {
  readonly name: string;
  readonly backwards: boolean;
  readonly field: string | null;
}

export type Orders =
  | { readonly kind: "fixed"; readonly order: Order }
  | { readonly kind: "chosen"; readonly parameter: string; readonly orders: Readonly<Record<string, Order>> }
  | {
      readonly kind: "fields"; readonly parameter: string; readonly direction: string;
      readonly usual: readonly string[]; readonly orders: Readonly<Record<string, Order>>;
    };

export type Position =
  | { readonly kind: "window"; readonly most: number; readonly limit: string; readonly offset: string }
  | { readonly kind: "first"; readonly limit: string }
  | { readonly kind: "everything" }
  | { readonly kind: "numbered"; readonly number: string; readonly size: string }
  | {
      readonly kind: "cursor"; readonly cursor: string; readonly limit: string;
      readonly refusals: { readonly malformed: Refusal; readonly foreign: Refusal };
    };

export type Members = { readonly [name: string]: string | Members };

export interface Pages {
  readonly position: Position;
  readonly envelope: { readonly items: string | null; readonly members: Members; readonly headers: Readonly<Record<string, string>> };
  readonly order: Orders;
}

export interface Facet {
  readonly name: string;
  readonly buckets: readonly string[];
  readonly ties: readonly string[];
  /** By tenant, of each document in the order of the list: which value it has, and which bucket it would name. */
  readonly rows: Readonly<Record<string, readonly (readonly number[])[]>>;
}

export type Invalid =
  | { readonly kind: "rows"; readonly status: number; readonly before: string; readonly row: readonly (readonly string[])[]; readonly after: string }
  | { readonly kind: "joined"; readonly status: number; readonly before: string; readonly after: string }
  | {
      readonly kind: "first"; readonly status: number; readonly said: Readonly<Record<string, readonly string[]>>;
      readonly other: readonly string[]; readonly place: Readonly<Record<string, number>>; readonly last: number;
    };

export type Outcome = { readonly tenant: string; readonly owner: string | null } | { readonly refusal: Refusal };

export interface Operation {
  readonly id: string;
  readonly inputs: readonly Input[];
  /** Parameters that this export cannot read, and the answers to requests that have them. */
  readonly missing: Readonly<Record<string, Refusal & { readonly prefix: string }>>;
  readonly invalid: Invalid;
  readonly filters: readonly Filter[];
  readonly fixed: readonly Filter[];
  readonly scopes: {
    readonly reads: readonly string[]; readonly known: readonly string[];
    readonly outcomes: readonly Outcome[]; readonly rows: Readonly<Record<string, readonly number[]>>;
  };
  readonly security: readonly { readonly header: string; readonly prefix: string }[];
  /** What a request without a credential gets, and one with a credential that is nobody's. */
  readonly strangers: readonly Refusal[];
  readonly examples: Readonly<Record<string, { readonly bodies: Readonly<Record<string, string>>; readonly headers: Readonly<Record<string, string>> }>>;
  readonly pages?: Pages;
  readonly facets?: readonly Facet[];
}

export interface Table {
  readonly provider: string;
  readonly mediaType: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly unservedHeader: string;
  readonly redirects: boolean;
  readonly allow: string;
  /** Instants are microseconds since 1970. */
  readonly world: { readonly secret: string; readonly epoch: string; readonly asOf: string };
  readonly callers: Readonly<Record<string, string>>;
  readonly endpoints: readonly { readonly methods: readonly string[]; readonly path: string; readonly operation?: string; readonly refusal?: Refusal }[];
  readonly operations: Readonly<Record<string, Operation>>;
  readonly refusals: { readonly notFound: Refusal; readonly methodNotAllowed: Refusal };
  readonly query: { readonly bytes: number; readonly fields: number; readonly tooLong: Refusal; readonly tooMany: Refusal };
}

/** By tenant and newest first: the text of each document, its rank, its instant, its id and its owner. */
export type Documents = Readonly<Record<string, readonly (readonly (string | number)[])[]>>;

interface Row {
  readonly index: number;
  readonly text: string;
  readonly rank: number;
  readonly instant: bigint;
  readonly id: string;
  readonly owner: string;
  readonly value: Readonly<Record<string, unknown>>;
}

type Headers = Record<string, string>;

export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers: Headers;
}

class Stop extends Error {
  constructor(readonly refusal: Refusal) {
    super(`refused with ${refusal.status}`);
  }
}

/** A refusal by the handlers themselves, never in the provider's dialect. */
class OwnRefusal extends Error {
  constructor(readonly status: number, readonly title: string, message: string, readonly field: string) {
    super(message);
  }
}

const bad = (message: string, field: string): OwnRefusal => new OwnRefusal(400, "Bad Request", message, field);
const FAULT_HEADER = "X-Fakeserver-Fault";
const PATH_CHARACTERS = "/:@!$&'()*+,;=";
const TAG_BYTES = 12;
const PLACE_BYTES = 20;
const LONGEST_CURSOR = 512;
const OTHER_PREFERENCES = /^(?:delay|fault|times|after|phase|outcome|scenario|header\..+)$/;
const REGISTERED = ["respond-async", "return", "wait", "depth-noroot", "safe", "odata", "count", "tx"];
const SUFFIX = /\+(?=(?:code|example|delay|fault|times|after|phase|outcome|scenario|header\.[^=+]{1,64})=)/;

/** A provider, served. `prefix` is the path in front of the provider's own. */
export class Engine {
  private readonly rows = new Map<string, Row[]>();
  private readonly patterns: { methods: readonly string[]; pattern: RegExp; names: string[]; operation?: Operation; refusal?: Refusal }[];

  constructor(private readonly table: Table, private readonly documents: Documents, private readonly prefix = "") {
    this.patterns = table.endpoints.map(({ methods, path, operation, refusal }) => ({
      methods,
      pattern: new RegExp(`^${path.split(/\{[^{}]*\}/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("([^/]+)")}$`),
      names: [...path.matchAll(/\{([^{}]*)\}/g)].map((match) => match[1]!),
      operation: operation === undefined ? undefined : table.operations[operation],
      refusal,
    }));
  }

  /** The answer to a request, whatever it asks for. */
  answer(request: Request): Response {
    const url = new URL(request.url);
    const path = unquote(url.pathname.slice(this.prefix.length));
    const { status, body, headers } = this.respond(request.method, path, url.search.slice(1), request.headers);
    return new Response(request.method === "HEAD" || !body ? null : body, { status, headers });
  }

  private respond(method: string, path: string, query: string, headers: globalThis.Headers): Answer {
    const fault: { operation?: Operation; applied?: string } = {};
    let answer: Answer;
    try {
      answer = this.stages(method, path, query, headers, fault);
    } catch (error) {
      if (error instanceof Stop) {
        const { status, body, headers: own } = error.refusal;
        answer = { status, body, headers: this.headers(own) };
      } else if (error instanceof OwnRefusal) {
        const { status, title, message: detail, field } = error;
        const body = JSON.stringify({ type: "about:blank", title, status, detail, field });
        return { status, body, headers: { "Content-Type": "application/problem+json" } };
      } else throw error;
    }
    if (fault.applied !== undefined) answer.headers["Preference-Applied"] = fault.applied;
    return answer;
  }

  private headers(more: Readonly<Headers> = {}): Headers {
    return { ...this.table.headers, ...more, "Content-Type": this.table.mediaType };
  }

  /** The stages of a request, in order; each may refuse. */
  private stages(method: string, path: string, query: string, headers: globalThis.Headers, fault: { applied?: string }): Answer {
    const found = this.find(method, path, query);
    if (!("operation" in found)) return found;
    const { operation, segments } = found;
    if (query.length > this.table.query.bytes) throw new Stop(this.table.query.tooLong);
    if (query.split("&").length > this.table.query.fields) throw new Stop(this.table.query.tooMany);
    const pairs = pairsOf(query);
    const { keys, suffix } = this.credentials(operation, headers);
    const wanted = preferencesOf(operation, headers.get("prefer"), pairs, suffix);
    if (wanted !== null) {
      fault.applied = wanted.text;
      const injected = injectedOf(operation, wanted);
      if (injected !== null) {
        return { ...injected, headers: { ...this.headers(injected.headers), [FAULT_HEADER]: wanted.text } };
      }
    }
    const key = keys.find((each) => Object.hasOwn(this.table.callers, each));
    if (key === undefined) throw new Stop(operation.strangers[keys.length ? 1 : 0]!);
    for (const [name, refusal] of Object.entries(operation.missing)) {
      if (pairs.some(([given]) => (refusal.prefix ? given.startsWith(refusal.prefix) : given === name))) throw new Stop(refusal);
    }
    const issues: Issue[] = [];
    const values = decode(operation.inputs, segments, pairs, issues);
    if (issues.length) return { status: operation.invalid.status, body: told(operation.invalid, issues), headers: this.headers() };
    const scope = this.scope(operation, this.table.callers[key]!, values);
    const rows = this.select(operation, scope, values);
    if (operation.facets) return { status: 200, body: countFacets(operation.facets, scope.tenant, rows), headers: this.headers() };
    return this.page(operation, operation.pages!, scope.tenant, rows, values);
  }

  private find(method: string, path: string, query: string): { operation: Operation; segments: Record<string, string> } | Answer {
    const allowed: (readonly string[])[] = [];
    for (const { methods, pattern, names, operation, refusal } of this.patterns) {
      const match = pattern.exec(path);
      if (!match) continue;
      if (!methods.includes(method)) {
        allowed.push(methods);
        continue;
      }
      if (refusal) throw new Stop(refusal);
      return { operation: operation!, segments: Object.fromEntries(names.map((name, index) => [name, match[index + 1]!])) };
    }
    if (allowed.length) {
      const methods = new Set((this.table.allow === "first" ? allowed.slice(0, 1) : allowed).flat());
      const refusal = this.table.refusals.methodNotAllowed;
      throw new Stop({ ...refusal, headers: { ...refusal.headers, Allow: [...methods].join(", ") } });
    }
    const other = path.endsWith("/") ? path.replace(/\/+$/, "") : `${path}/`;
    if (this.table.redirects && this.patterns.some(({ pattern }) => pattern.test(other))) {
      const escaped = quote(this.prefix + other, PATH_CHARACTERS) + (query ? quote(`?${query}`, `${PATH_CHARACTERS}?%[]`) : "");
      return { status: 307, body: "", headers: { ...this.table.headers, Location: escaped } };
    }
    throw new Stop(this.table.refusals.notFound);
  }

  /** The credentials of a request without their suffixes, and what these ask for. */
  private credentials(operation: Operation, headers: globalThis.Headers): { keys: string[]; suffix: Map<string, string> } {
    const keys: string[] = [];
    const suffix = new Map<string, string>();
    for (const { header, prefix } of operation.security) {
      let text = headers.get(header);
      if (text === null) continue;
      if (prefix) {
        const at = text.indexOf(" ");
        if ((at < 0 ? text : text.slice(0, at)).toLowerCase() !== prefix) continue;
        text = at < 0 ? "" : text.slice(at + 1);
      }
      text = text.trim();
      const match = SUFFIX.exec(text);
      if (match) {
        for (const part of text.slice(match.index + 1).split(",")) {
          const at = part.indexOf("=");
          suffix.set((at < 0 ? part : part.slice(0, at)).trim(), at < 0 ? "" : part.slice(at + 1).trim());
        }
        text = text.slice(0, match.index);
      }
      keys.push(text);
    }
    return { keys, suffix };
  }

  private scope({ scopes }: Operation, caller: string, values: Values): { tenant: string; owner: string | null } {
    const size = scopes.known.length + 2;
    const place = scopes.reads.reduce((sum, name) => {
      const value = values[name];
      const index = value === null || value === undefined ? 0 : scopes.known.indexOf(value as string) + 1 || size - 1;
      return sum * size + index;
    }, 0);
    const outcome = scopes.outcomes[scopes.rows[caller]![place]!]!;
    if ("refusal" in outcome) throw new Stop(outcome.refusal);
    return outcome;
  }

  private rowsOf(tenant: string): Row[] {
    let rows = this.rows.get(tenant);
    if (!rows) {
      rows = this.documents[tenant]!.map(([text, rank, instant, id, owner], index) => ({
        index, text: String(text), rank: Number(rank), instant: BigInt(instant!), id: String(id), owner: String(owner),
        value: JSON.parse(String(text)) as Record<string, unknown>,
      }));
      this.rows.set(tenant, rows);
    }
    return rows;
  }

  private select(operation: Operation, scope: { tenant: string; owner: string | null }, values: Values): Row[] {
    const tests = [...operation.filters, ...operation.fixed]
      .map((filter) => ({ filter, value: filter.value ?? values[filter.parameter] }))
      .filter(({ value }) => value !== null && value !== undefined)
      .map(({ filter, value }) => testOf(filter, value));
    return this.rowsOf(scope.tenant).filter((row) =>
      (scope.owner === null || row.owner === scope.owner) && tests.every((test) => test(row)));
  }

  private page(operation: Operation, pages: Pages, tenant: string, found: Row[], values: Values): Answer {
    const order = orderOf(pages.order, values);
    const rows = arrange(found, order);
    const total = BigInt(found.length);
    const facts: Record<string, unknown> = { total };
    const position = pages.position;
    let sent = rows;
    if (position.kind === "first") {
      sent = cut(rows, 0n, values[position.limit] as bigint);
      facts["size"] = values[position.limit];
    } else if (position.kind === "window") {
      let size = values[position.limit] as bigint | null;
      const offset = (values[position.offset] as bigint | null) ?? 0n;
      if (size !== null && size > position.most) size = BigInt(position.most);
      sent = cut(rows, offset, size ?? total);
      Object.assign(facts, { size, offset, has_next: offset + BigInt(sent.length) < total });
    } else if (position.kind === "numbered") {
      const [page, size] = [values[position.number] as bigint, values[position.size] as bigint];
      sent = cut(rows, (page - 1n) * size, size);
      const pagesOf = (total + size - 1n) / size;
      Object.assign(facts, { size, page, offset: (page - 1n) * size, pages: pagesOf, has_next: page * size < total });
    } else if (position.kind === "cursor") {
      const limit = values[position.limit] as bigint;
      const binding = this.binding(operation, tenant, values, order);
      const text = values[position.cursor] as string | null;
      let start = 0;
      if (text !== null) {
        const last = this.unseal(text, binding, position.refusals);
        const behind = rows.findIndex((row) => (order.backwards ? row.index < last : row.index > last));
        start = behind < 0 ? rows.length : behind;
      }
      sent = cut(rows, BigInt(start), limit);
      const next = BigInt(start) + limit < total ? this.seal(sent[sent.length - 1]!, binding) : null;
      Object.assign(facts, { size: limit, next, has_next: next !== null });
    }
    facts["count"] = BigInt(sent.length);
    const { items, members, headers } = pages.envelope;
    const list = `[${sent.map((row) => row.text).join(",")}]`;
    const body = items === null ? list : `{${[`${JSON.stringify(items)}:${list}`, ...written(members, facts)].join(",")}}`;
    const more = Object.entries(headers).flatMap(([name, fact]) => {
      const value = facts[fact];
      return value === null || value === undefined ? [] : [[name, String(value)]];
    });
    return { status: 200, body, headers: this.headers(Object.fromEntries(more)) };
  }

  /** What a cursor belongs to: a tenant, a question and an order, in the server's words. */
  private binding(operation: Operation, tenant: string, values: Values, order: Order): string {
    const asked = operation.filters.flatMap(({ parameter }) => {
      const value = values[parameter];
      if (value === null || value === undefined) return [];
      const parts = Array.isArray(value) ? `[${value.map(canonicalOf).sort(compare).map(repr).join(", ")}]` : canonicalOf(value);
      return [`${parameter}=${parts}`];
    });
    const question = new TextEncoder().encode(`${operation.id} [${asked.map(repr).join(", ")}]`);
    return `(${repr(tenant)}, ${repr(question)}, ${repr(order.name)}, ${this.table.world.epoch})`;
  }

  private tag(binding: string, plain: Uint8Array): Uint8Array {
    const secret = Uint8Array.from(this.table.world.secret.match(/../g)!, (digits) => parseInt(digits, 16));
    const bound = new TextEncoder().encode(binding);
    const signed = new Uint8Array(bound.length + plain.length);
    signed.set(bound);
    signed.set(plain, bound.length);
    return blake2b(signed, secret, TAG_BYTES);
  }

  /** The cursor behind a row. */
  private seal(row: Row, binding: string): string {
    const id = new TextEncoder().encode(row.id);
    const plain = new Uint8Array(PLACE_BYTES + id.length);
    const view = new DataView(plain.buffer);
    view.setUint32(0, row.rank);
    view.setBigInt64(4, row.instant);
    view.setBigInt64(12, BigInt(this.table.world.asOf));
    plain.set(id, PLACE_BYTES);
    return base64([...this.tag(binding, plain), ...plain]);
  }

  /** The place of a cursor's row in its tenant's documents, or a refusal. */
  private unseal(text: string, binding: string, refusals: { malformed: Refusal; foreign: Refusal }): number {
    let bytes: Uint8Array;
    try {
      if (text.length > LONGEST_CURSOR || !/^[A-Za-z0-9_-]*$/.test(text)) throw new Error("no cursor");
      bytes = Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (each) => each.charCodeAt(0));
      if (base64([...bytes]) !== text) throw new Error("no cursor");
    } catch {
      throw new Stop(refusals.malformed);
    }
    const plain = bytes.subarray(TAG_BYTES);
    const signed = plain.length > PLACE_BYTES && base64([...this.tag(binding, plain)]) === base64([...bytes.subarray(0, TAG_BYTES)]);
    if (!signed) throw new Stop(refusals.foreign);
    const rank = new DataView(plain.buffer, plain.byteOffset).getUint32(0);
    const tenant = Object.keys(this.documents).find((name) => binding.startsWith(`(${repr(name)}, `))!;
    return this.rowsOf(tenant).find((row) => row.rank === rank)!.index;
  }
}

function base64(bytes: number[]): string {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function cut(rows: Row[], offset: bigint, count: bigint): Row[] {
  if (offset >= BigInt(rows.length) || count <= 0n) return [];
  const end = offset + count;
  return rows.slice(Number(offset), end > BigInt(rows.length) ? rows.length : Number(end));
}

/** One value of a filter as a text that equal ones share. */
function canonicalOf(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalOf).join(", ")}]`;
  if (typeof value === "string") return repr(value);
  if (typeof value === "boolean") return value ? "True" : "False";
  return String(value);
}

function testOf(filter: Filter, value: unknown): (row: Row) => boolean {
  const { field } = filter;
  const read = (row: Row): unknown => row.value[field];
  // Whole numbers of a query have any size, and those of documents are numbers.
  const same = (one: unknown, other: unknown): boolean => one === other || (typeof one === "bigint" && typeof other === "number" && one === BigInt(Math.trunc(other)) && Number.isInteger(other));
  switch (filter.kind) {
    case "equal": return (row) => same(value, read(row));
    case "anyOf": return (row) => (value as unknown[]).some((each) => same(each, read(row)));
    case "within": {
      const wanted = (value as string).toLowerCase();
      return (row) => String(read(row) || "").toLowerCase().includes(wanted);
    }
    case "allOf": return (row) => (value as unknown[]).every((each) => ((read(row) as unknown[] | null) ?? []).some((held) => same(each, held)));
    case "excluding": return (row) => !value || !filter.values!.includes(read(row) as string);
    case "containing": return (row) => contains(exactOf(row, field), value);
    case "pairs": return (row) => (value as [string, string][]).every(([name, text]) => {
      const held = read(row) as Record<string, unknown> | null | undefined;
      return !!held && Object.hasOwn(held, name) && held[name] === text;
    });
  }
}

const exactly = new WeakMap<Row, Map<string, unknown>>();

/** A field of a document, read exactly; every question in JSON asks for it. */
function exactOf(row: Row, field: string): unknown {
  let known = exactly.get(row);
  if (!known) exactly.set(row, (known = new Map()));
  if (!known.has(field)) known.set(field, exact(JSON.stringify(row.value[field] ?? null)));
  return known.get(field);
}

/** PostgreSQL's `document @> query`, of values that were read exactly. */
function contains(document: unknown, query: unknown): boolean {
  if (Array.isArray(document) && (typeof query !== "object" || query === null)) return document.some((each) => includes(each, query));
  return includes(document, query);
}

function includes(document: unknown, query: unknown): boolean {
  if (Array.isArray(query)) return Array.isArray(document) && query.every((wanted) => document.some((each) => includes(each, wanted)));
  if (typeof query === "object" && query !== null) {
    if (typeof document !== "object" || document === null || Array.isArray(document)) return false;
    return Object.entries(query).every(([name, inner]) => Object.hasOwn(document, name) && includes((document as Record<string, unknown>)[name], inner));
  }
  return document === query;
}

function orderOf(orders: Orders, values: Values): Order {
  if (orders.kind === "fixed") return orders.order;
  if (orders.kind === "chosen") {
    const value = values[orders.parameter] as string | null;
    return value === null ? Object.values(orders.orders)[0]! : orders.orders[value]!;
  }
  const [choice, direction] = [orders.parameter, orders.direction].map((name, index) => (values[name] as string | null) ?? orders.usual[index]!);
  return orders.orders[`${choice} ${direction}`]!;
}

/** The rows in an order; they come newest first, and those of one text stay so. */
function arrange(rows: Row[], { field, backwards }: Order): Row[] {
  if (field === null) return backwards ? [...rows].reverse() : rows;
  const sign = backwards ? -1 : 1;
  const key = (row: Row): unknown => row.value[field] ?? null;
  return [...rows].sort((one, other) => {
    const [a, b] = [key(one), key(other)];
    if (a === null || b === null) return a === b ? 0 : sign * (a === null ? -1 : 1);
    return sign * compare(String(a), String(b));
  });
}

function written(members: Members, facts: Record<string, unknown>): string[] {
  return Object.entries(members).map(([name, member]) => {
    if (typeof member !== "string") return `${JSON.stringify(name)}:{${written(member, facts).join(",")}}`;
    const fact = facts[member] ?? null;
    return `${JSON.stringify(name)}:${typeof fact === "bigint" ? String(fact) : JSON.stringify(fact)}`;
  });
}

function countFacets(facets: readonly Facet[], tenant: string, rows: Row[]): string {
  const lists = facets.map((facet) => {
    const values = new Map<number, { count: number; bucket: number }>();
    for (const row of rows) {
      const [value, bucket] = facet.rows[tenant]![row.index]!;
      if (value! < 0) continue;
      const known = values.get(value!);
      if (known) known.count++;
      else values.set(value!, { count: 1, bucket: bucket! });
    }
    const sorted = [...values.values()].sort((a, b) => b.count - a.count || compare(facet.ties[a.bucket]!, facet.ties[b.bucket]!));
    const buckets = sorted.map(({ count, bucket }) => `{"count":${count},${facet.buckets[bucket]!.slice(1)}`);
    return `${JSON.stringify(facet.name)}:[${buckets.join(",")}]`;
  });
  return `{${lists.join(",")}}`;
}

const fieldOf = ({ loc }: Issue): string => loc.slice(1).join(".") || String(loc[0]);
const inner = (text: string): string => JSON.stringify(text).slice(1, -1);

/** The body that says what is wrong with an input. */
function told(form: Invalid, issues: readonly Issue[]): string {
  if (form.kind === "rows") {
    const rows = issues.map((issue) => {
      const members = form.row.flatMap(([name, hole]) => {
        if (hole === "context") return issue.context ? [`${JSON.stringify(name)}:${issue.context}`] : [];
        const value = hole === "field" ? fieldOf(issue) : issue[hole as "loc" | "msg" | "type" | "input"];
        return value === undefined ? [] : [`${JSON.stringify(name)}:${JSON.stringify(value)}`];
      });
      return `{${members.join(",")}}`;
    });
    return form.before + rows.join(",") + form.after;
  }
  if (form.kind === "joined") return form.before + inner(issues.map((issue) => `${fieldOf(issue)}: ${issue.msg}`).join("; ")) + form.after;
  const place = (issue: Issue): number => form.place[issue.loc[1] as string] ?? form.last;
  const first = issues.reduce((best, issue) => (place(issue) < place(best) ? issue : best));
  const said = form.said[first.loc[1] as string] ?? form.other;
  return said.map((part, index) => (index % 2 ? inner(part === "msg" ? first.msg : fieldOf(first)) : part)).join("");
}

interface Wanted {
  readonly code: string | undefined;
  readonly example: string | undefined;
  readonly text: string;
}

/** What a request asks the handlers for, which its credential, its query and its Prefer header may say. */
function preferencesOf(operation: Operation, prefer: string | null, pairs: readonly Pair[], suffix: Map<string, string>): Wanted | null {
  const found = new Map(suffix);
  for (const [name, text] of pairs) {
    if (name.startsWith("__") && !operation.inputs.some((each) => each.name === name)) found.set(name.slice(2), text);
  }
  const named = new Map<string, string>();
  for (const match of (prefer ?? "").matchAll(/([^\s=;,"]+)\s*(?:=\s*("(?:[^"\\]|\\.)*"|[^\s;,"]*))?[^,]*/g)) {
    const text = match[2] ?? "";
    const name = match[1]!.toLowerCase();
    if (!named.has(name)) named.set(name, text.startsWith('"') ? text.slice(1, -1).replace(/\\(.)/gs, "$1") : text);
  }
  for (const [name, text] of named) found.set(name, text);
  for (const name of found.keys()) {
    if (name === "code" || name === "example" || REGISTERED.includes(name)) continue;
    if (name === "handling" && found.get(name) === "strict") continue;
    const other = OTHER_PREFERENCES.test(name) || name === "handling";
    if (other) throw new OwnRefusal(501, "Not Implemented", `The exported handlers do not serve the preference ${name}`, name);
    throw bad(`Preference '${name}' is not known; the exported handlers know code and example`, name);
  }
  const [code, example] = [found.get("code"), found.get("example")];
  if (code === undefined && example === undefined) return null;
  const text = [...(code === undefined ? [] : [`code=${code}`]), ...(example === undefined ? [] : [`example=${example}`])];
  return { code, example, text: text.join(", ") };
}

/** The answer in the place of the real one; null where a success is asked for. */
function injectedOf(operation: Operation, { code: text, example }: Wanted): Answer | null {
  const { id, examples } = operation;
  if (text !== undefined && !/^[0-9]{1,6}$/.test(text)) throw bad("code must be a whole number", "code");
  const code = text === undefined ? Object.keys(examples).find((each) => Object.hasOwn(examples[each]!.bodies, example!)) : String(Number(text));
  if (code === undefined) throw bad(`${id} has no example ${repr(example!)}`, "example");
  const documented = Object.hasOwn(examples, code) ? examples[code] : undefined;
  if (documented === undefined) {
    throw bad(`${id} documents no ${code}; documented are ${Object.keys(examples).join(", ")} (handling=lenient sends it anyway)`, "code");
  }
  if (example !== undefined && !Object.hasOwn(documented.bodies, example)) {
    throw bad(`${id} ${code} has no example ${repr(example)}; it has ${Object.keys(documented.bodies).join(", ") || "none"}`, "example");
  }
  if (Number(code) < 400 && example === undefined) return null;
  const body = example === undefined ? Object.values(documented.bodies)[0]! : documented.bodies[example]!;
  return { status: Number(code), body, headers: { ...documented.headers } };
}
