// Texts of path and query → typed values, or every issue of the request.

import type { Pair } from "./python.js";

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

export type ValueInput =
  | { readonly kind: "text"; readonly checks: readonly Check[] }
  | { readonly kind: "boolean"; readonly checks: readonly Check[]; readonly refused: Words }
  | { readonly kind: "uuid"; readonly checks: readonly Check[]; readonly refused: Words; readonly pydantic: boolean }
  | {
      readonly kind: "integer"; readonly checks: readonly Check[]; readonly refused: Words;
      readonly pydantic: boolean; readonly digits: number; readonly tooLong: Words;
    }
  | {
      readonly kind: "json"; readonly object: boolean; readonly refused: Words; readonly tooLong: Words;
      readonly tooDeep: Words; readonly noObject: Words | null;
    };

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

/** One reason for a refusal; without an `input` nobody kept it. */
export interface Issue {
  readonly loc: readonly (string | number)[];
  readonly msg: string;
  readonly type: string;
  readonly input?: unknown;
  readonly context?: string;
}

export type Values = Record<string, unknown>;

const MOST_FIELDS = 1000;
const MOST_JSON = 16384;
const MOST_LEVELS = 64;
const TRUE = ["true", "1", "yes", "on", "t", "y"];
const FALSE = ["false", "0", "no", "off", "f", "n"];
const UUID = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}";
const PYDANTIC_UUID = new RegExp(`^(?:([0-9a-fA-F]{32})|\\{(${UUID})\\}|urn:uuid:(${UUID}))$`);
const SPACE = "[\\t-\\r \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]*";
const PYDANTIC_INTEGER = new RegExp(`^${SPACE}([+-]?)([0-9]+(?:_[0-9]+)*)(?:\\.0+)?${SPACE}$`);

class Refused extends Error {
  constructor(readonly words: Words) {
    super(words.msg);
  }
}

function readInteger(text: string, input: ValueInput & { kind: "integer" }): bigint {
  const match = (input.pydantic ? PYDANTIC_INTEGER : /^([+-]?)([0-9]+)$/).exec(text);
  if (!match) throw new Refused(input.refused);
  const digits = match[2]!.replaceAll("_", "").replace(/^0+/, "");
  if (digits.length > input.digits) throw new Refused(input.tooLong);
  const value = BigInt(digits || "0");
  return match[1] === "-" ? -value : value;
}

function readUuid(text: string, input: ValueInput & { kind: "uuid" }): string {
  if (new RegExp(`^${UUID}$`).test(text)) return text.toLowerCase();
  const match = input.pydantic ? PYDANTIC_UUID.exec(text) : null;
  if (!match) throw new Refused(input.refused);
  const hex = (match[1] ?? match[2] ?? match[3]!).replaceAll("-", "").toLowerCase();
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

function readBoolean(text: string, input: ValueInput & { kind: "boolean" }): boolean {
  const lowered = text.toLowerCase();
  if (TRUE.includes(lowered)) return true;
  if (FALSE.includes(lowered)) return false;
  throw new Refused(input.refused);
}

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
export function exact(text: string): unknown {
  JSON.parse(text);
  return JSON.parse(text.replace(TOKENS, (token, inner?: string) =>
    inner === undefined ? `"n${canonical(token)}"` : `"s${inner}"`));
}

const LONE = /[\uD800-\uDFFF]/u;

function readJson(text: string, input: ValueInput & { kind: "json" }): unknown {
  if ([...text].length > MOST_JSON) throw new Refused(input.tooLong);
  let level = 0;
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"?|[[{\]}]/gs)) {
    if (token === "[" || token === "{") level++;
    else if (token === "]" || token === "}") level--;
    if (level > MOST_LEVELS) throw new Refused(input.tooDeep);
  }
  let value: unknown;
  try {
    value = exact(text);
  } catch {
    throw new Refused(input.refused);
  }
  if (depthOf(value) > MOST_LEVELS) throw new Refused(input.tooDeep);
  if (LONE.test(texts(value))) throw new Refused(input.refused);
  if (input.noObject && (typeof value !== "object" || value === null || Array.isArray(value))) {
    throw new Refused(input.noObject);
  }
  return value;
}

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

function holds(check: Check, value: unknown): boolean {
  const { keyword, wanted } = check;
  const equal = (one: unknown): boolean => (typeof value === "bigint" ? value === BigInt(one as number) : value === one);
  switch (keyword) {
    case "enum": return (wanted as unknown[]).some(equal);
    case "const": return equal(wanted);
    case "minLength": return [...(value as string)].length >= (wanted as number);
    case "maxLength": return [...(value as string)].length <= (wanted as number);
    case "pattern": return new RegExp(wanted as string, "u").test(value as string);
    case "minimum": return (value as bigint) >= (wanted as number);
    case "maximum": return (value as bigint) <= (wanted as number);
    case "exclusiveMinimum": return (value as bigint) > (wanted as number);
    case "exclusiveMaximum": return (value as bigint) < (wanted as number);
    case "multipleOf": return (value as bigint) % BigInt(wanted as number) === 0n;
    case "uniqueItems": return !wanted || new Set(value as unknown[]).size === (value as unknown[]).length;
    default: throw new Error(`the table has a check ${keyword}, which this engine does not know`);
  }
}

function ask(checks: readonly Check[], value: unknown): void {
  for (const check of checks) if (!holds(check, value)) throw new Refused(check);
}

function readValue(input: ValueInput, text: string): unknown {
  if (input.kind === "json") return readJson(text, input);
  let value: unknown = text;
  if (input.kind === "integer") value = readInteger(text, input);
  if (input.kind === "uuid") value = readUuid(text, input);
  if (input.kind === "boolean") value = readBoolean(text, input);
  ask(input.checks, value);
  return value;
}

const issue = (error: unknown, loc: Issue["loc"], input: unknown): Issue => {
  if (!(error instanceof Refused)) throw error;
  const { msg, type, context } = error.words;
  return { loc, msg, type, input, context };
};

const missing = (where: string, name: string): Issue =>
  ({ loc: [where, name], msg: "Field required", type: "missing", input: null });

function decodeSingle(input: Input & { kind: "single" }, given: readonly string[], issues: Issue[]): unknown {
  const text = (input.first ? given[0] : given[given.length - 1])!;
  if (input.emptyIsAbsent && !text) {
    if (input.required) issues.push(missing(input.where, input.name));
    return defaultOf(input);
  }
  try {
    return readValue(input.value, text);
  } catch (error) {
    issues.push(issue(error, [input.where, input.name], text));
    return null;
  }
}

function decodeList(input: Input & { kind: "list" }, given: readonly string[], issues: Issue[]): unknown {
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
    issues.push({ loc: [where, name], msg, type: "too_long", input: pieces });
    return null;
  }
  const values: unknown[] = [];
  pieces.forEach((text, index) => {
    try {
      values.push(readValue(input.items, text));
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
    const refuse = (msg: string, type: string): unknown => issues.push({ loc: ["query", name], msg, type, input: text });
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
  inputs: readonly Input[], path: Readonly<Record<string, string>>, query: readonly Pair[], issues: Issue[],
): Values {
  const values: Values = {};
  const texts = new Map<string, string[]>();
  const named = new Map(inputs.filter((each) => each.where === "query" && each.kind !== "pairs").map((each) => [each.name, each]));
  for (const each of named.values()) {
    values[each.name] = each.kind === "single" ? defaultOf(each) : each.kind === "list" ? each.default : null;
  }
  for (const each of inputs) {
    if (each.where === "path" && each.kind === "single") values[each.name] = decodeSingle(each, [path[each.name]!], issues);
  }
  for (const [name, text] of query) {
    if (texts.has(name)) texts.get(name)!.push(text);
    else if (named.has(name)) texts.set(name, [text]);
  }
  for (const [name, given] of texts) {
    const each = named.get(name)!;
    values[name] = each.kind === "single" ? decodeSingle(each, given, issues) : decodeList(each as Input & { kind: "list" }, given, issues);
  }
  for (const each of inputs) if (each.kind === "pairs") values[each.name] = decodePairs(each, query, issues);
  for (const [name, each] of named) if (each.required && !texts.has(name)) issues.push(missing("query", name));
  return values;
}
