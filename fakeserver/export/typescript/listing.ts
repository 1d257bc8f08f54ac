// Lists and facets: which rows a question finds, in which order, and what stands around a page of them.

import { blake2b } from "./blake2b.js";
import type { Row } from "./collections.js";
import { exact, type Values } from "./inputs.js";
import { write } from "./json.js";
import * as py from "./python.js";
import { Issue, Problem } from "./runtime.js";

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
      readonly refusals: { readonly malformed: string; readonly foreign: string };
    };

export type Members = { readonly [name: string]: string | Members };

export interface Pages {
  readonly position: Position;
  readonly envelope: { readonly items: string | null; readonly members: Members; readonly headers: Readonly<Record<string, string>> };
  readonly order: Orders;
}

export interface Facet {
  readonly name: string;
  readonly field: string;
  readonly tie: string;
}

/** What a page depends on besides rows and values: whose cursors they are, the question, and the most rows that it has. */
export interface Context {
  readonly secret: string;
  readonly epoch: string;
  readonly asOf: string;
  readonly tenant: string;
  readonly question: string;
  readonly mostRows: number | null;
}

const TAG_BYTES = 12;
const PLACE_BYTES = 20;
const LONGEST_CURSOR = 512;
const ascending = (one: Row, other: Row): number => other.instant - one.instant || py.compare(one.id, other.id);

// Filters

function testOf(filter: Filter, value: unknown): (row: Row) => boolean {
  const { field } = filter;
  const read = (row: Row): unknown => row.field(field);
  // Whole numbers of a query have any size, and those of documents are numbers.
  const same = (one: unknown, other: unknown): boolean =>
    one === other || (typeof one === "bigint" && typeof other === "number" && Number.isInteger(other) && one === BigInt(other));
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
  if (!known.has(field)) known.set(field, exact(JSON.stringify(row.field(field) ?? null)));
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

/** The rows of an owner (null: of everybody) that every given filter lets through. */
export function select(rows: readonly Row[], filters: readonly Filter[], owner: string | null, values: Values): readonly Row[] {
  const tests = filters
    .map((filter) => ({ filter, value: filter.value ?? values[filter.parameter] }))
    .filter(({ value }) => value !== null && value !== undefined)
    .map(({ filter, value }) => testOf(filter, value));
  if (!tests.length && owner === null) return rows;
  return rows.filter((row) => (owner === null || row.owner === owner) && tests.every((test) => test(row)));
}

/** What the filters of an operation were given, as a text that is the same for everything that means the same. */
export function questionOf(operation: string, filters: readonly Filter[], values: Values): string {
  const asked = filters.flatMap(({ parameter }) => {
    const value = values[parameter];
    if (value === null || value === undefined) return [];
    const parts = Array.isArray(value) ? `[${value.map(canonicalOf).sort(py.compare).map(py.repr).join(", ")}]` : canonicalOf(value);
    return [`${parameter}=${parts}`];
  });
  return `${operation} [${asked.map(py.repr).join(", ")}]`;
}

/** One value of a filter as a text that equal ones share. */
function canonicalOf(value: unknown): string {
  return Array.isArray(value) ? `[${value.map(canonicalOf).join(", ")}]` : py.repr(value);
}

// Orders

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
function arrange(rows: readonly Row[], { field, backwards }: Order): readonly Row[] {
  if (field === null) return backwards ? [...rows].reverse() : rows;
  const sign = backwards ? -1 : 1;
  const key = (row: Row): unknown => row.field(field) ?? null;
  return [...rows].sort((one, other) => {
    const [a, b] = [key(one), key(other)];
    if (a === null || b === null) return a === b ? 0 : sign * (a === null ? -1 : 1);
    return sign * py.compare(String(a), String(b));
  });
}

// Pages

const least = (one: bigint, other: bigint): bigint => (one < other ? one : other);

function cut(rows: readonly Row[], offset: bigint, count: bigint): readonly Row[] {
  if (offset >= BigInt(rows.length) || count <= 0n) return [];
  return rows.slice(Number(offset), Number(least(offset + count, BigInt(rows.length))));
}

/** The body of a page, and its headers; `shown` is a row as it is sent. */
export function pageOf(
  pages: Pages, found: readonly Row[], values: Values, context: Context, shown: (row: Row) => string,
): { body: string; headers: Record<string, string> } {
  const order = orderOf(pages.order, values);
  const rows = arrange(found, order);
  const total = BigInt(found.length);
  const step = (size: bigint): bigint => (context.mostRows === null ? size : least(size, BigInt(context.mostRows)));
  const facts: Record<string, unknown> = { total };
  const position = pages.position;
  let sent = rows;
  if (position.kind === "first") {
    sent = cut(rows, 0n, values[position.limit] as bigint);
    facts["size"] = values[position.limit];
  } else if (position.kind === "window") {
    const given = values[position.limit] as bigint | null;
    const offset = (values[position.offset] as bigint | null) ?? 0n;
    const size = given === null ? null : least(given, BigInt(position.most));
    sent = cut(rows, offset, size === null ? total : step(size));
    Object.assign(facts, { size, offset, has_next: offset + BigInt(sent.length) < total });
  } else if (position.kind === "numbered") {
    const [page, size] = [values[position.number] as bigint, values[position.size] as bigint];
    const rowsOfPage = step(size);
    sent = cut(rows, (page - 1n) * rowsOfPage, rowsOfPage);
    const pages_ = (total + rowsOfPage - 1n) / rowsOfPage;
    Object.assign(facts, { size, page, offset: (page - 1n) * rowsOfPage, pages: pages_, has_next: page * rowsOfPage < total });
  } else if (position.kind === "cursor") {
    const [size, text] = [values[position.limit] as bigint, values[position.cursor] as string | null];
    const limit = step(size);
    const binding = `(${py.repr(context.tenant)}, ${py.repr(py.encode(context.question))}, ${py.repr(order.name)}, ${context.epoch})`;
    let start = 0;
    if (text !== null) {
      const place = unseal(text, context, binding, position);
      const behind = rows.findIndex((row) => (order.backwards ? ascending(row, place) < 0 : ascending(row, place) > 0));
      start = behind < 0 ? rows.length : behind;
    }
    sent = cut(rows, BigInt(start), limit);
    const next = BigInt(start) + limit < total ? seal(sent[sent.length - 1]!, context, binding) : null;
    Object.assign(facts, { size, next, has_next: next !== null });
  }
  facts["count"] = BigInt(sent.length);
  const { items, members, headers } = pages.envelope;
  const list = `[${sent.map(shown).join(",")}]`;
  const body = items === null ? list : `{${[`${JSON.stringify(items)}:${list}`, ...written(members, facts)].join(",")}}`;
  const more = Object.entries(headers).flatMap(([name, fact]) => {
    const value = facts[fact];
    return value === null || value === undefined ? [] : [[name, String(value)]];
  });
  return { body, headers: Object.fromEntries(more) };
}

function written(members: Members, facts: Record<string, unknown>): string[] {
  return Object.entries(members).map(([name, member]) => {
    if (typeof member !== "string") return `${JSON.stringify(name)}:{${written(member, facts).join(",")}}`;
    const fact = facts[member] ?? null;
    return `${JSON.stringify(name)}:${typeof fact === "bigint" ? String(fact) : JSON.stringify(fact)}`;
  });
}

// Cursors: bound to their question, and signed

function tagOf(binding: string, plain: Uint8Array, secret: string): Uint8Array {
  return blake2b(py.add(py.encode(binding), plain), py.fromhex(secret), TAG_BYTES);
}

/** The cursor behind a row. */
function seal(row: Row, { secret, asOf }: Context, binding: string): string {
  const id = py.encode(row.id);
  const plain = new Uint8Array(PLACE_BYTES + id.length);
  const view = new DataView(plain.buffer);
  view.setUint32(0, row.rank);
  view.setBigInt64(4, -BigInt(row.instant));
  view.setBigInt64(12, BigInt(asOf));
  plain.set(id, PLACE_BYTES);
  return base64([...tagOf(binding, plain, secret), ...plain]);
}

/** The place of a cursor's row, or a refusal. */
function unseal(text: string, { secret }: Context, binding: string, { cursor, refusals }: Position & { kind: "cursor" }): Row {
  const refuse = (detail: string): Problem =>
    new Problem(400, "bad_cursor", detail, [new Issue(["query", cursor], detail, "invalid_cursor")]);
  let bytes: Uint8Array;
  try {
    if (text.length > LONGEST_CURSOR || !/^[A-Za-z0-9_-]*$/.test(text)) throw new Error("no cursor");
    bytes = Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (each) => each.charCodeAt(0));
    if (base64([...bytes]) !== text) throw new Error("no cursor");
  } catch {
    throw refuse(refusals.malformed);
  }
  const plain = bytes.subarray(TAG_BYTES);
  const signed = plain.length > PLACE_BYTES && base64([...tagOf(binding, plain, secret)]) === base64([...bytes.subarray(0, TAG_BYTES)]);
  if (!signed) throw refuse(refusals.foreign);
  const instant = -Number(new DataView(plain.buffer, plain.byteOffset).getBigInt64(4));
  return { instant, id: py.decode(plain.subarray(PLACE_BYTES)) } as Row;
}

function base64(bytes: number[]): string {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

// Facets

/** How many of the found documents have each value; `bucketOf` is the entry that a document would name. */
export function countFacets(facets: readonly Facet[], found: readonly Row[], bucketOf: (facet: Facet, row: Row) => Map<string, any>): string {
  const lists = facets.map((facet) => {
    const values = new Map<string, { count: number; newest: Row }>();
    for (const row of found) {
      const value = row.field(facet.field) ?? null;
      if (value === null) continue;
      const known = values.get(JSON.stringify(value));
      if (known) known.count++;
      else values.set(JSON.stringify(value), { count: 1, newest: row });
    }
    const buckets = [...values.values()].map(({ count, newest }) => ({ count, bucket: bucketOf(facet, newest) }));
    const tie = (bucket: Map<string, any>): string => py.str(py.or(bucket.get(facet.tie), () => ""));
    buckets.sort((a, b) => b.count - a.count || py.compare(tie(a.bucket), tie(b.bucket)));
    return `${JSON.stringify(facet.name)}:${write(buckets.map(({ count, bucket }) => new Map([["count", count], ...bucket])))}`;
  });
  return `{${lists.join(",")}}`;
}
