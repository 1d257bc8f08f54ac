// Lists: which rows a question finds, in which order, and what stands around a page of them.

import type { Row } from "./collections.js";
import type { Filter, Test } from "./filters.js";
import type { Values } from "./inputs.js";
import { least } from "./positions.js";
import * as py from "./python.js";
import type { Context } from "./runtime.js";

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

/** Where a page begins and ends, of a kind; its other members name parameters. */
export interface Position {
  readonly kind: string;
  readonly most?: number;
  readonly [parameter: string]: unknown;
}

/** What a page is taken of; `step` is how many rows it has at most where that many are asked for. */
export interface Asked {
  readonly rows: readonly Row[];
  readonly total: bigint;
  readonly values: Values;
  readonly context: Context;
  readonly order: Order;
  readonly step: (size: bigint) => bigint;
}

/** The rows that are sent, and what else is known of them. */
export type Place = (position: any, asked: Asked) => { readonly sent: readonly Row[]; readonly [fact: string]: unknown };

export type Members = { readonly [name: string]: string | Members };

export interface Pages {
  readonly position: Position;
  readonly envelope: { readonly items: string | null; readonly members: Members; readonly headers: Readonly<Record<string, string>> };
  readonly order: Orders;
}

/** The rows of an owner (null: of everybody) that every given filter lets through. */
export function select(
  tests: Readonly<Record<string, Test>>, rows: readonly Row[], filters: readonly Filter[], owner: string | null, values: Values,
): readonly Row[] {
  const asked = filters
    .map((filter) => ({ filter, value: filter.value ?? values[filter.parameter] }))
    .filter(({ value }) => value !== null && value !== undefined)
    .map(({ filter, value }) => ({ field: filter.field, holds: tests[filter.kind]!(value, filter) }));
  if (!asked.length && owner === null) return rows;
  return rows.filter((row) => (owner === null || row.owner === owner) && asked.every(({ field, holds }) => holds(row.field(field), row)));
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

/** The body of a page, and its headers; `shown` is a row as it is sent. */
export function pageOf(
  place: Place, pages: Pages, found: readonly Row[], values: Values, context: Context, mostRows: number | null, shown: (row: Row) => string,
): { body: string; headers: Record<string, string> } {
  const order = orderOf(pages.order, values);
  const rows = arrange(found, order);
  const total = BigInt(found.length);
  const step = (size: bigint): bigint => (mostRows === null ? size : least(size, BigInt(mostRows)));
  const facts: Record<string, unknown> = { total };
  const { sent, ...more } = place(pages.position, { rows, total, values, context, order, step });
  Object.assign(facts, more);
  facts["count"] = BigInt(sent.length);
  const { items, members, headers } = pages.envelope;
  const list = `[${sent.map(shown).join(",")}]`;
  const body = items === null ? list : `{${[`${JSON.stringify(items)}:${list}`, ...written(members, facts)].join(",")}}`;
  const further = Object.entries(headers).flatMap(([name, fact]) => {
    const value = facts[fact];
    return value === null || value === undefined ? [] : [[name, String(value)]];
  });
  return { body, headers: Object.fromEntries(further) };
}

function written(members: Members, facts: Record<string, unknown>): string[] {
  return Object.entries(members).map(([name, member]) => {
    if (typeof member !== "string") return `${JSON.stringify(name)}:{${written(member, facts).join(",")}}`;
    const fact = facts[member] ?? null;
    return `${JSON.stringify(name)}:${typeof fact === "bigint" ? String(fact) : JSON.stringify(fact)}`;
  });
}
