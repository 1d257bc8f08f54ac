// Texts of path and query → typed values, or every issue of the request.

import { isWithin } from "./bodies.js";
import { read } from "./json.js";
import type { Pair } from "./python.js";
import { Issue } from "./runtime.js";

/** In which words a text is refused; `context` is JSON. */
export interface Words {
  readonly msg: string;
  readonly type: string;
  readonly context: string;
}

export interface Check extends Words {
  readonly keyword: string;
  readonly wanted: unknown;
}

export interface ValueInput {
  readonly kind: string;
  readonly checks?: readonly Check[];
  readonly pydantic?: boolean;
  readonly digits?: number;
  readonly refused?: Words;
  readonly tooLong?: Words;
  readonly tooDeep?: Words;
  readonly object?: boolean;
  readonly noObject?: Words | null;
}

/** What reads the values of a kind. */
export type Reader = (given: string, input: ValueInput) => unknown;
export type Readers = Readonly<Record<string, Reader>>;

interface Named {
  readonly name: string;
  readonly where: string;
  readonly required: boolean;
}

export type Input =
  | (Named & {
      readonly kind: "single"; readonly value: ValueInput; readonly default: unknown;
      readonly emptyIsAbsent: boolean; readonly first: boolean;
    })
  | (Named & {
      readonly kind: "list"; readonly items: ValueInput; readonly commas: boolean; readonly checks: readonly Check[];
      readonly default: readonly unknown[] | null; readonly keepsEmpty: boolean;
    })
  | (Named & { readonly kind: "pairs"; readonly prefix: string });

export type Values = Record<string, unknown>;

const MOST_FIELDS = 1000;
export class Refused extends Error {
  constructor(readonly words: Words) {
    super(words.msg);
  }
}

function holds(check: Check, value: unknown): boolean {
  const { keyword, wanted } = check;
  const equal = (one: unknown): boolean => (typeof value === "bigint" ? value === BigInt(one as number) : value === one);
  if (keyword === "enum") return (wanted as unknown[]).some(equal);
  if (keyword === "const") return equal(wanted);
  if (keyword === "pattern") return new RegExp(wanted as string, "u").test(value as string);
  if (keyword === "uniqueItems") return !wanted || new Set(value as unknown[]).size === (value as unknown[]).length;
  return isWithin(value, keyword, wanted as number);
}

function ask(checks: readonly Check[], value: unknown): void {
  for (const check of checks) if (!holds(check, value)) throw new Refused(check);
}

function readValue(readers: Readers, input: ValueInput, text: string): unknown {
  const value = readers[input.kind]!(text, input);
  ask(input.checks ?? [], value);
  return value;
}

const issue = (error: unknown, loc: readonly (string | number)[], input: unknown): Issue => {
  if (!(error instanceof Refused)) throw error;
  const { msg, type, context } = error.words;
  return new Issue(loc, msg, type, input, context ? read(context) : undefined);
};

const missing = (where: string, name: string): Issue => new Issue([where, name], "Field required", "missing", null);

function decodeSingle(readers: Readers, input: Input & { kind: "single" }, given: readonly string[], issues: Issue[]): unknown {
  const text = (input.first ? given[0] : given[given.length - 1])!;
  if (input.emptyIsAbsent && !text) {
    if (input.required) issues.push(missing(input.where, input.name));
    return defaultOf(input);
  }
  try {
    return readValue(readers, input.value, text);
  } catch (error) {
    issues.push(issue(error, [input.where, input.name], text));
    return null;
  }
}

function decodeList(readers: Readers, input: Input & { kind: "list" }, given: readonly string[], issues: Issue[]): unknown {
  const { where, name } = input;
  if (input.keepsEmpty && given.length === 1 && given[0] === "") {
    if (input.required) issues.push(missing(where, name));
    return input.default;
  }
  const pieces = input.commas
    ? given.flatMap((text) => text.split(",")).filter((piece) => piece || input.keepsEmpty)
    : given;
  if (pieces.length > MOST_FIELDS) {
    const msg = `List should have at most ${MOST_FIELDS} items`;
    issues.push(new Issue([where, name], msg, "too_long", pieces));
    return null;
  }
  const values: unknown[] = [];
  pieces.forEach((text, index) => {
    try {
      values.push(readValue(readers, input.items, text));
    } catch (error) {
      issues.push(issue(error, [where, name, index], text));
    }
  });
  if (values.length === pieces.length) {
    try {
      ask(input.checks, values);
    } catch (error) {
      issues.push(issue(error, [where, name], pieces));
    }
  }
  return values.length ? [...new Set(values)] : null;
}

function decodePairs(input: Input & { kind: "pairs" }, query: readonly Pair[], issues: Issue[]): unknown {
  const found = new Map<string, string>();
  const known = issues.length;
  for (const [name, text] of query) {
    if (!name.startsWith(input.prefix)) continue;
    const key = name.slice(input.prefix.length);
    const refuse = (msg: string, type: string): unknown => issues.push(new Issue(["query", name], msg, type, text));
    if (!key) refuse("the key after the dot is empty", "empty_key");
    else if (found.has(key)) refuse("the same key is given twice", "repeated_key");
    else found.set(key, text);
  }
  if (input.required && !found.size && issues.length === known) issues.push(missing("query", input.name));
  return found.size ? [...found] : null;
}

const defaultOf = (input: Input & { kind: "single" }): unknown =>
  typeof input.default === "number" ? BigInt(input.default) : input.default;

/** The values of a request with their defaults; what is wrong with it joins the issues. */
export function decode(
  readers: Readers, inputs: readonly Input[], path: Readonly<Record<string, string>>, query: readonly Pair[], issues: Issue[],
): Values {
  const values: Values = {};
  const texts = new Map<string, string[]>();
  const named = new Map(inputs.filter((each) => each.where === "query" && each.kind !== "pairs").map((each) => [each.name, each]));
  for (const each of named.values()) {
    values[each.name] = each.kind === "single" ? defaultOf(each) : each.kind === "list" ? each.default : null;
  }
  for (const each of inputs) {
    if (each.where === "path" && each.kind === "single") values[each.name] = decodeSingle(readers, each, [path[each.name]!], issues);
  }
  for (const [name, text] of query) {
    if (texts.has(name)) texts.get(name)!.push(text);
    else if (named.has(name)) texts.set(name, [text]);
  }
  for (const [name, given] of texts) {
    const each = named.get(name)!;
    values[name] = each.kind === "single" ? decodeSingle(readers, each, given, issues) : decodeList(readers, each as Input & { kind: "list" }, given, issues);
  }
  for (const each of inputs) if (each.kind === "pairs") values[each.name] = decodePairs(each, query, issues);
  for (const [name, each] of named) if (each.required && !texts.has(name)) issues.push(missing("query", name));
  return values;
}
