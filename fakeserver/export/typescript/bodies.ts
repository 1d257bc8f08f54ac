// Bodies of requests: bytes → a value as the provider's spec has it, or every issue of it, in the order in which the
// server's validator finds them.

import { Float, read } from "./json.js";
import * as py from "./python.js";
import { Issue, Problem } from "./runtime.js";

export type Schema = boolean | { readonly [keyword: string]: any };

/** `schema` stands by itself: it refers to nothing. */
export interface Body {
  readonly required: boolean;
  readonly schema: Schema;
}

type Path = readonly (string | number)[];

export interface Breach {
  readonly path: Path;
  readonly keyword: string;
  readonly wanted: any;
  readonly value: any;
  readonly forms?: readonly (readonly Breach[])[];
  readonly known?: readonly string[];
}

/** What alternatives that are all broken come to. */
export type Explain = (breach: Breach) => readonly Breach[];

/** In which words keywords refuse, as the server has them. */
export interface Wording {
  readonly nouns: Readonly<Record<string, readonly string[]>>;
  readonly phrases: Readonly<Record<string, readonly string[]>>;
  readonly sizes: Readonly<Record<string, readonly string[]>>;
  readonly others: Readonly<Record<string, readonly string[]>>;
}

const MOST_BYTES = 2 ** 20;
const MOST_VALUES = 5_000;
const MOST_SEARCHED = 250;
const MOST_ISSUES = 100;
const MOST_LEVELS = 64;
const MOST_DIGITS = 19;
const MOST_NAME = 64;

const issueAt = (path: Path, msg: string, type: string, known: readonly string[] = []): Issue =>
  new Issue(["body", ...path.map((each) => (typeof each === "string" ? short(each) : each))], msg, type, undefined, undefined, known);
const short = (name: string): string => [...name].slice(0, MOST_NAME).join("").replace(/[\uD800-\uDFFF]/gu, "\ufffd");

function refuse(issues: readonly Issue[]): Problem {
  return new Problem(422, "invalid", issues.map((each) => `${each.field}: ${each.msg}`).join("; "), issues);
}

/** What the bytes say, null where an optional body is empty. */
export function readBody(body: Body, words: Wording, explain: Explain, sent: Uint8Array, contentType: string): any {
  if (sent.length > MOST_BYTES) throw new Problem(413, "too_long", `The body is longer than ${MOST_BYTES} bytes`);
  const whole = new TextDecoder("utf-8", { ignoreBOM: true }).decode(sent);
  if (marks(whole) >= MOST_VALUES && marks(withoutTexts(whole)) >= MOST_VALUES) {
    throw new Problem(413, "too_long", "The body has more than 5,000 values");
  }
  if (!sent.length) {
    if (body.required) throw refuse([issueAt([], "Field required", "missing")]);
    return null;
  }
  if (contentType && contentType.split(";")[0]!.trim().toLowerCase() !== "application/json") {
    throw refuse([issueAt([], "Input should be sent as application/json", "content_type")]);
  }
  return shape(check(body.schema, words, explain, readStrictly(sent)), body.schema);
}

const marks = (text: string): number => text.match(/[,[{]/g)?.length ?? 0;
const withoutTexts = (text: string): string => text.replaceAll("\\\\", "").replaceAll('\\"', "").split('"').filter((_, index) => index % 2 === 0).join("");

function readStrictly(sent: Uint8Array): any {
  const flaws: Parameters<typeof read>[2] = [];
  let [value, text] = [null as any, ""];
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(sent);
    let level = 0;
    for (const sign of withoutTexts(text)) {
      if (sign === "[" || sign === "{") level++;
      if (sign === "]" || sign === "}") level--;
      if (level > MOST_LEVELS) throw tooDeep();
    }
    value = read(text, MOST_DIGITS, flaws);
  } catch (error) {
    if (error instanceof Problem) throw error;
    throw refuse([issueAt([], "JSON decode error", "json_invalid")]);
  }
  if (depthOf(value) > MOST_LEVELS) throw tooDeep();
  if (flaws.length) throw refuse(flaws.slice(0, MOST_ISSUES).map(({ kind, place }) => issueAt(place, FLAWS[kind][0], FLAWS[kind][1])));
  return value;
}

const tooDeep = (): Problem => refuse([issueAt([], `JSON decode error: nested deeper than ${MOST_LEVELS}`, "json_invalid")]);
const FLAWS = {
  repeated: ["the same key is given twice", "repeated_key"],
  digits: [`Input should have at most ${MOST_DIGITS} digits`, "int_parsing_size"],
  surrogate: ["Input should be text without half of a surrogate pair", "string_unicode"],
  nul: ["Input should be text without NUL", "string_nul"],
} as const;
const partsOf = (value: any): any[] => (value instanceof Map ? [...value.values()] : Array.isArray(value) ? value : []);
const depthOf = (value: any): number => 1 + Math.max(0, ...partsOf(value).map(depthOf));
const countOf = (value: any): number => partsOf(value).reduce((sum, each) => sum + countOf(each), 1);

/** The value with the defaults of its members, or a refusal with every issue of it; of a very large one, the first. */
function check(schema: Schema, words: Wording, explain: Explain, value: any): any {
  const given = value instanceof Map ? new Map([...defaultsOf(schema), ...value]) : value;
  const found = [...breachesOf(schema, given, [])];
  if (!found.length) return given;
  const telling = tell(countOf(given) > MOST_SEARCHED ? found.slice(0, 1) : found, explain);
  const issues = new Map(telling.map((each) => {
    const [msg, type] = wordsOf(words, each.keyword, each.wanted, each.value);
    return [JSON.stringify([each.path, msg, type]), issueAt(each.path, msg!, type!, each.known)];
  }));
  throw refuse([...issues.values()].slice(0, MOST_ISSUES));
}

function defaultsOf(schema: Schema): [string, any][] {
  const found = Object.entries(schema).filter(([name]) => name !== "anyOf" && name !== "oneOf");
  return schemaParts(Object.fromEntries(found)).flatMap((part) =>
    Object.entries(part["properties"] ?? {}).flatMap(([name, member]): [string, any][] =>
      typeof member === "object" && member !== null && "default" in member ? [[name, valueOf((member as any).default)]] : []));
}

const valueOf = (literal: unknown): any => read(JSON.stringify(literal));

// Breaches

const TYPES: Readonly<Record<string, (value: any) => boolean>> = {
  string: (value) => typeof value === "string",
  boolean: (value) => typeof value === "boolean",
  null: (value) => value === null,
  object: (value) => value instanceof Map,
  array: (value) => Array.isArray(value),
  number: (value) => isNumber(value),
  integer: (value) => isNumber(value) && (typeof value === "bigint" || Number.isInteger(Number(value))),
};
const isNumber = (value: any): boolean => typeof value === "number" || typeof value === "bigint" || value instanceof Float;
const listOf = (value: any): any[] => (Array.isArray(value) ? value : [value]);
const same = (one: any, other: any): boolean => typeof one === typeof other || (isNumber(one) && isNumber(other)) ? py.eq(one, other) : false;
const UUID = /^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/;
const sizeOf = (value: any): number => py.len(value);
/** The keywords of bounds, in the order in which they are looked at. */
const BOUNDS =
  "minimum maximum exclusiveMinimum exclusiveMaximum multipleOf minLength maxLength minItems maxItems minProperties maxProperties".split(" ");
const SIZED: Readonly<Record<string, string>> = { Length: "string", Items: "array", Properties: "object" };

/** Whether a bound holds, where there is anything that it bounds. */
export function isWithin(value: any, keyword: string, wanted: number): boolean {
  const type = SIZED[keyword.slice(3)];
  if (!TYPES[type ?? "number"]!(value)) return true;
  if (keyword === "multipleOf") return Number.isInteger(Number(value) / wanted);
  const size = type ? sizeOf(value) : value;
  if (size == wanted) return !keyword.startsWith("ex");
  return /min/i.test(keyword) ? size > wanted : size < wanted;
}

function* breachesOf(schema: Schema, value: any, path: Path): Generator<Breach> {
  if (schema === true) return;
  if (schema === false) {
    yield { path, keyword: "falseSchema", wanted: false, value };
    return;
  }
  const breach = (keyword: string): Breach => ({ path, keyword, wanted: schema[keyword], value });
  if ("type" in schema && !listOf(schema["type"]).some((name) => TYPES[name]!(value))) yield breach("type");
  if ("const" in schema && !same(valueOf(schema["const"]), value)) yield breach("const");
  if ("enum" in schema && !schema["enum"].some((each: any) => same(valueOf(each), value))) yield breach("enum");
  for (const keyword of BOUNDS) if (keyword in schema && !isWithin(value, keyword, schema[keyword])) yield breach(keyword);
  if (typeof value === "string") {
    if ("pattern" in schema && !new RegExp(schema["pattern"], "u").test(value)) yield breach("pattern");
    if (schema["format"] === "uuid" && !UUID.test(value)) yield breach("format");
  }
  if (Array.isArray(value)) {
    if (schema["uniqueItems"] && value.some((each, index) => value.slice(0, index).some((other) => same(each, other)))) yield breach("uniqueItems");
    if ("items" in schema) for (const [index, each] of value.entries()) yield* breachesOf(schema["items"], each, [...path, index]);
  }
  if (value instanceof Map) yield* breachesOfMembers(schema, value, path);
  for (const part of schema["allOf"] ?? []) yield* breachesOf(part, value, path);
  for (const keyword of ["anyOf", "oneOf"]) {
    if (!(keyword in schema)) continue;
    const forms: Breach[][] = schema[keyword].map((form: Schema) => [...breachesOf(form, value, path)]);
    const sound = forms.filter((form) => !form.length).length;
    if (!sound) yield { ...breach(keyword), forms };
    else if (keyword === "oneOf" && sound > 1) yield breach(keyword);
  }
}

type Patterns = readonly [pattern: string, schema: Schema][];
/** The schemas of members with such a name. */
const behindPatterns = (patterns: Patterns, name: string): Schema[] =>
  patterns.filter(([pattern]) => new RegExp(pattern, "u").test(name)).map(([, each]) => each);

function* breachesOfMembers(schema: any, value: Map<string, any>, path: Path): Generator<Breach> {
  const known: Record<string, Schema> = schema.properties ?? {};
  const patterns = Object.entries(schema.patternProperties ?? {}) as [string, Schema][];
  const others: Schema | undefined = schema.additionalProperties;
  const required = (schema.required ?? []).filter((name: string) => !value.has(name))
    .map((name: string): Breach => ({ path: [...path, name], keyword: "required", wanted: true, value: null }));
  // One name that is required is looked for behind the members where no others are allowed.
  const late = others === false && schema.required?.length === 1 && "properties" in schema;
  if (!late) yield* required;
  if (others === undefined || others === true) {
    // The shorter of both is gone through, and the validator has its own in order.
    const declared = Object.keys(known).sort(py.compare);
    const names = declared.length < value.size ? declared.filter((name) => value.has(name)) : [...value.keys()].filter((name) => Object.hasOwn(known, name));
    for (const name of names) yield* breachesOf(known[name]!, value.get(name), [...path, name]);
    for (const [name, member] of value) {
      for (const each of behindPatterns(patterns, name)) yield* breachesOf(each, member, [...path, name]);
    }
  } else {
    const unknown: Breach[] = [];
    for (const [name, member] of value) {
      const fitting = [...(Object.hasOwn(known, name) ? [known[name]!] : []), ...behindPatterns(patterns, name)];
      if (fitting.length) for (const each of fitting) yield* breachesOf(each, member, [...path, name]);
      else if (others === false) unknown.push({ path: [...path, name], keyword: "additionalProperties", wanted: false, value: member, known: Object.keys(known) });
      else yield* breachesOf(others, member, [...path, name]);
    }
    yield* unknown.slice(0, MOST_ISSUES);
  }
  if (late) yield* required;
  if ("propertyNames" in schema) {
    for (const name of value.keys()) {
      for (const { keyword, wanted } of breachesOf(schema.propertyNames, name, [])) yield { path: [...path, name], keyword, wanted, value: name };
    }
  }
}

/** Breaches by what a client can do about them: a value of the wrong type has that one only. `explain` puts others in
 * the place of one of alternatives. */
export function tell(breaches: readonly Breach[], explain: Explain): Breach[] {
  const found = breaches.flatMap(explain);
  const key = ({ path }: Breach): string => JSON.stringify(path);
  const mistaken = new Set(found.filter(({ keyword }) => keyword === "type").map(key));
  return found.filter((each) => each.keyword === "type" || !mistaken.has(key(each)));
}

// In words

const quote = (value: any): string => (typeof value === "string" ? `'${value}'` : py.repr(valueOf(value)));

function wordsOf(words: Wording, keyword: string, wanted: any, value: any): readonly string[] {
  if (keyword === "type") {
    const names = listOf(wanted).filter((name) => name !== "null");
    if (!names.length) return ["Input should be None", "none_required"];
    return [`Input should be a valid ${names.map((name) => words.nouns[name]![0]).join(" or ")}`, words.nouns[names[0]]![1]!];
  }
  if (keyword === "enum") {
    const texts = wanted.map(quote);
    return [`Input should be ${texts.length > 1 ? `${texts.slice(0, -1).join(", ")} or ${texts.at(-1)}` : texts[0]}`, "enum"];
  }
  if (keyword === "const") return [`Input should be ${quote(wanted)}`, "literal_error"];
  if (keyword === "pattern") return [`String should match pattern '${wanted}'`, "string_pattern_mismatch"];
  if (keyword === "format") return ["Input should be a valid UUID", "uuid_parsing"];
  if (keyword in words.phrases) return [`Input should be ${words.phrases[keyword]![0]} ${wanted}`, words.phrases[keyword]![1]!];
  if (keyword in words.sizes) {
    const [kind, bound, noun, type] = words.sizes[keyword] as [string, string, string, string];
    const counted = kind === "String" ? "" : ` after validation, not ${sizeOf(value)}`;
    return [`${kind} should have at ${bound} ${wanted} ${noun}${wanted === 1 ? "" : "s"}${counted}`, type];
  }
  return words.others[keyword]!;
}

// The value as the schema has it

function schemaParts(schema: Schema): any[] {
  const [passed, waiting]: [any[], Schema[]] = [[], [schema]];
  while (waiting.length) {
    const part: any = waiting.shift();
    if (typeof part !== "object" || part === null || passed.includes(part)) continue;
    passed.push(part);
    for (const name of ["allOf", "anyOf", "oneOf"]) waiting.push(...(part[name] ?? []));
  }
  return passed;
}

/** A sound value without the members that its schema does not know, and with whole numbers where it wants them. */
function shape(value: any, schema: Schema): any {
  if (value instanceof Float) {
    const whole = schemaParts(schema).some((part) => listOf(part.type ?? []).includes("integer"));
    return whole ? value.value : value;
  }
  if (typeof value !== "object" || value === null) return value;
  const parts = schemaParts(schema);
  if (Array.isArray(value)) {
    const items = parts.find((part) => "items" in part)?.items ?? true;
    return value.map((each) => shape(each, items));
  }
  const known: Record<string, Schema> = {};
  for (const part of parts) for (const [name, each] of Object.entries(part.properties ?? {})) if (!Object.hasOwn(known, name)) known[name] = each as Schema;
  const patterns = parts.flatMap((part) => Object.entries(part.patternProperties ?? {}) as [string, Schema][]);
  const others: Schema = parts.find((part) => part.additionalProperties !== undefined)?.additionalProperties ?? !(Object.keys(known).length || patterns.length);
  const shaped = new Map<string, any>();
  for (const [name, member] of value as Map<string, any>) {
    const fitting = Object.hasOwn(known, name) ? known[name]! : behindPatterns(patterns, name)[0] ?? others;
    if (fitting !== false) shaped.set(name, shape(member, fitting));
  }
  return shaped;
}
