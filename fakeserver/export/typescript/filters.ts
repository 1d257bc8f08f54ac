// Filters of lists, by kind: what a filter is given → whether it lets a row through.

import type { Row } from "./collections.js";

export interface Filter {
  readonly kind: string;
  readonly parameter: string;
  readonly field: string;
  readonly values?: readonly string[];
  /** What a list is confined to, whatever it is asked for. */
  readonly value?: unknown;
}

export type Test = (value: any, filter: Filter) => (held: unknown, row: Row) => boolean;

// Whole numbers of a query have any size, and those of documents are numbers.
const same = (one: unknown, other: unknown): boolean =>
  one === other || (typeof one === "bigint" && typeof other === "number" && Number.isInteger(other) && one === BigInt(other));

export const equal: Test = (value) => (held) => same(value, held);

export const anyOf: Test = (value: unknown[]) => (held) => value.some((each) => same(each, held));

export const within: Test = (value: string) => (held) => String(held || "").toLowerCase().includes(value.toLowerCase());

export const allOf: Test = (value: unknown[]) => (held) =>
  value.every((each) => ((held as unknown[] | null) ?? []).some((one) => same(each, one)));

export const excluding: Test = (value, { values }) => (held) => !value || !values!.includes(held as string);

export const pairs: Test = (value: [string, string][]) => (held) =>
  value.every(([name, text]) => !!held && Object.hasOwn(held, name) && (held as Record<string, unknown>)[name] === text);
