// Questions in JSON: read exactly, and asked of a field of documents as PostgreSQL's `document @> query`.

import type { Row } from "./collections.js";
import type { Test } from "./filters.js";
import { Refused, type Reader } from "./inputs.js";

const MOST_JSON = 16384;
const MOST_LEVELS = 64;

/** A number in the one way of writing it that equal ones share. */
function canonical(text: string): string {
  const [, sign, whole, part = "", power = "0"] = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text)!;
  const digits = (whole! + part).replace(/^0+/, "");
  const short = digits.replace(/0+$/, "");
  if (!short) return "0";
  const exponent = BigInt(power) - BigInt(part.length) + BigInt(digits.length - short.length);
  return `${sign}${short}e${exponent}`;
}

const TOKENS = /"((?:[^"\\]|\\.)*)"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/gs;

/** A JSON value whose texts begin with `s`, and whose numbers are texts that begin with `n`: exact, as PostgreSQL's. */
function exact(text: string): unknown {
  JSON.parse(text);
  return JSON.parse(text.replace(TOKENS, (token, inner?: string) =>
    inner === undefined ? `"n${canonical(token)}"` : `"s${inner}"`));
}

const LONE = /[\uD800-\uDFFF]/u;

export const json: Reader = (text, input) => {
  if ([...text].length > MOST_JSON) throw new Refused(input.tooLong!);
  let level = 0;
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"?|[[{\]}]/gs)) {
    if (token === "[" || token === "{") level++;
    else if (token === "]" || token === "}") level--;
    if (level > MOST_LEVELS) throw new Refused(input.tooDeep!);
  }
  let value: unknown;
  try {
    value = exact(text);
  } catch {
    throw new Refused(input.refused!);
  }
  if (depthOf(value) > MOST_LEVELS) throw new Refused(input.tooDeep!);
  if (LONE.test(texts(value))) throw new Refused(input.refused!);
  if (input.noObject && (typeof value !== "object" || value === null || Array.isArray(value))) {
    throw new Refused(input.noObject);
  }
  return value;
};

/** How many levels a value has; one that is neither an object nor an array has one. */
function depthOf(value: unknown): number {
  if (typeof value !== "object" || value === null) return 1;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

/** All texts and names in a value, apart from each other. */
function texts(value: unknown): string {
  if (Array.isArray(value)) return value.map(texts).join(" ");
  if (typeof value === "object" && value !== null) return Object.entries(value).map(([name, each]) => `${name} ${texts(each)}`).join(" ");
  return typeof value === "string" ? value : "";
}

export const containing: Test = (value, { field }) => (_, row) => contains(exactOf(row, field), value);

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
