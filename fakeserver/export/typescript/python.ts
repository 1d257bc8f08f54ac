// What values do in the server's language, for the functions that were written there (`functions.ts`): objects are maps,
// lists and tuples are arrays, None is null.

import { hmacSha256, sha1, sha256 } from "./hashes.js";
import { Float, floatOf, floatText, intOf } from "./json.js";

export class Exception extends Error {}
export class ValueError extends Exception {}
export class KeyError extends Exception {}
export class TypeError extends Exception {}
export class AttributeError extends Exception {}
export class IndexError extends KeyError {}
export class OverflowError extends ValueError {}
export class UnicodeError extends ValueError {}

/** A value with named parts, which can also be taken apart. */
export class Tuple {
  *[Symbol.iterator](): Generator<any> {
    yield* Object.values(this);
  }
}

/** A class of such values, by the names of their parts; `usual` are those that nobody need give and that are not null. */
export function record(names: string, usual: () => { [name: string]: any } = () => ({})): new (...given: any[]) => any {
  const parts = names.split(" ");
  return class extends Tuple {
    [name: string]: any;
    constructor(...given: any[]) {
      super();
      const others = usual();
      parts.forEach((name, place) => { this[name] = given[place] === undefined ? others[name] ?? null : given[place]; });
    }
  };
}

/** A value of such a class by the names of its parts. */
export const made = (kind: new () => any, parts: { [name: string]: any }): any => Object.assign(new kind(), parts);

/** Such values by their names, of objects with their parts. */
export const each = (kind: new () => any, rows: Map<string, Map<string, any>>): any =>
  dict([...rows].map(([name, parts]) => [name, made(kind, Object.fromEntries(parts))]));

/** The type of a fact that is an instant. */
export const Instant = Symbol("Instant");

/** An object, of others, of names with values, and of pairs. */
export const dict = (...parts: any[]): Map<any, any> => new Map(parts.flatMap((part) => (part[Symbol.iterator] ? [...part] : Object.entries(part))));
export const set = (values: Iterable<any> = []): Set<any> => new Set(iter(values));
export { set as frozenset };
export const float = (value: any): any => floatOf(Number(value));
export const bytes = (text: string): Uint8Array => Uint8Array.from(text, (each) => each.charCodeAt(0));
export const pattern = (source: string): RegExp => new RegExp(source, "gu");
export const itself = (value: any): any => value;
export const nothing = (): any[] => [];
export const cast = (_: any, value: any): any => value;
export const partial = (call: any, ...given: any[]): any => (...more: any[]) => call(...given, ...more);

// Looking at values

export function truth(value: any): boolean {
  if (value === null || value === undefined || value === false || value === 0 || value === 0n || value === "") return false;
  if (Array.isArray(value) || value instanceof Uint8Array) return value.length > 0;
  if (value instanceof Map || value instanceof Set) return value.size > 0;
  if (value instanceof Float) return value.value !== 0;
  return typeof value.isEmpty === "boolean" ? !value.isEmpty : true;
}

const numeric = (value: any): boolean => ["number", "bigint", "boolean"].includes(typeof value) || value instanceof Float;

export function eq(one: any, other: any): boolean {
  if (one === other) return true;
  if (numeric(one) && numeric(other)) return one.valueOf() == other.valueOf();
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) return false;
  if (one instanceof Map) return other instanceof Map && one.size === other.size && [...one].every(([key, value]) => other.has(key) && eq(value, other.get(key)));
  if (one instanceof Set) return other instanceof Set && one.size === other.size && [...one].every((each) => other.has(each));
  if (Array.isArray(one) || one instanceof Uint8Array) {
    return (Array.isArray(other) || other instanceof Uint8Array) && one.length === other.length && [...one].every((each, index) => eq(each, other[index]));
  }
  return one instanceof Tuple && one.constructor === other.constructor && eq([...one], [...(other as Tuple)]);
}

/** Whether one text comes before another by code points: below 0, 0 or above. */
export function compare(one: string, other: string): number {
  if (one === other) return 0;
  const [a, b] = [[...one], [...other]];
  for (let index = 0; index < Math.min(a.length, b.length); index++) {
    const difference = a[index]!.codePointAt(0)! - b[index]!.codePointAt(0)!;
    if (difference) return difference;
  }
  return a.length - b.length;
}

export function order(one: any, other: any): number {
  if (typeof one === "string" && typeof other === "string") return compare(one, other);
  if (numeric(one) && numeric(other)) return one < other ? -1 : one > other ? 1 : 0;
  if (one && other && typeof one === "object" && typeof other === "object") {
    const [a, b] = [[...iter(one)], [...iter(other)]];
    for (let index = 0; index < Math.min(a.length, b.length); index++) {
      if (!eq(a[index], b[index])) return order(a[index], b[index]);
    }
    return a.length - b.length;
  }
  throw new TypeError("these have no order");
}

export const lt = (one: any, other: any): boolean => order(one, other) < 0;
export const gt = (one: any, other: any): boolean => order(one, other) > 0;
export const le = (one: any, other: any): boolean => (one instanceof Set ? issubset(one, other) : order(one, other) <= 0);
export const ge = (one: any, other: any): boolean => order(one, other) >= 0;
const held = (other: any): any => (typeof other === "function" ? other() : other);
/** The first value if it is true, or else the other one, which may be a function that comes to it. */
export const or = (one: any, other: any): any => (truth(one) ? one : held(other));
export const and = (one: any, other: any): any => (truth(one) ? held(other) : one);

export function has(held: any, value: any): boolean {
  if (typeof held === "string") return held.includes(value);
  if (held instanceof Map || held instanceof Set) return held.has(keyIn(held, value));
  if (typeof held.has === "function") return held.has(value);
  return [...iter(held)].some((each) => eq(each, value));
}

export const isInt = (value: any): boolean => Number.isInteger(value) || typeof value === "bigint" || typeof value === "boolean";
export const isFloat = (value: any): boolean => value instanceof Float || (typeof value === "number" && !Number.isInteger(value));

/** What a loop over a value sees. */
export function iter(value: any): Iterable<any> {
  if (value instanceof Map) return [...value.keys()];
  if (value === null || value === undefined || typeof value[Symbol.iterator] !== "function") throw new TypeError("no loop over this");
  return value;
}

export const list = (value: any = []): any[] => [...iter(value)];
export { list as tuple };
export const len = (value: any): number =>
  typeof value === "string" ? [...value].length : value.size ?? value.length ?? [...value].length;
export const any = (values: any): boolean => list(values).some(truth);
export const all = (values: any): boolean => list(values).every(truth);
export const enumerate = (values: any, start = 0): any[] => list(values).map((each, index) => [index + start, each]);
export const map = (call: any, ...values: any[]): any[] => zip(...values).map((each) => call(...each));
export const filter = (call: any, values: any): any[] => list(values).filter((each) => truth(call === null ? each : call(each)));
export const reversed = (values: any): any[] => list(values).reverse();
export const islice = (values: any, count: number): any[] => list(values).slice(0, count);
export function takewhile(holds: any, values: any): any[] {
  const all_ = list(values);
  const end = all_.findIndex((each) => !truth(holds(each)));
  return end < 0 ? all_ : all_.slice(0, end);
}
export const sum = (values: any, start: any = 0): any => list(values).reduce(add, start);
export const abs = (value: any): any => (value < 0 ? neg(value) : value);
export const next = (values: any, other?: any): any => {
  for (const each of iter(values)) return each;
  if (other === undefined) throw new Exception("nothing is left");
  return other;
};

export function zip(...values: any[]): any[][] {
  const last = values[values.length - 1];
  const lists = (last && last.strict !== undefined ? values.slice(0, -1) : values).map(list);
  return Array.from({ length: Math.min(...lists.map((each) => each.length)) }, (_, index) => lists.map((each) => each[index]));
}

export function range(first: number, last?: number, step = 1): number[] {
  const [start, end] = last === undefined ? [0, first] : [first, last];
  return Array.from({ length: Math.max(0, Math.ceil((end - start) / step)) }, (_, index) => start + index * step);
}

function best(sign: number, given: any[]): any {
  const last = given[given.length - 1];
  const options = last && Object.getPrototypeOf(last) === Object.prototype ? given.pop() : {};
  const values = given.length === 1 ? list(given[0]) : given;
  const key = options.key ?? itself;
  if (!values.length) {
    if (options.default === undefined) throw new ValueError("of nothing");
    return options.default;
  }
  return values.reduce((found, each) => (sign * order(key(each), key(found)) > 0 ? each : found));
}

export const max = (...given: any[]): any => best(1, given);
export const min = (...given: any[]): any => best(-1, given);

export function sorted(values: any, { key = itself, reverse = false }: { key?: any; reverse?: boolean } = {}): any[] {
  const sign = reverse ? -1 : 1;
  return list(values).map((value) => ({ value, by: key(value) })).sort((a, b) => sign * order(a.by, b.by)).map(({ value }) => value);
}

// Parts of values

/** The key of an object that equals another one: tuples are told by their parts. */
function keyIn(held: Map<any, any> | Set<any>, key: any): any {
  if (typeof key !== "object" || key === null) return key;
  for (const each of held.keys()) if (eq(each, key)) return each;
  return key;
}

export function at(held: any, key: any): any {
  if (held instanceof Map) {
    const known = keyIn(held, key);
    if (held.has(known)) return held.get(known);
    throw new KeyError(String(key));
  }
  const parts = typeof held === "string" ? [...held] : held instanceof Tuple ? [...held] : held;
  if (typeof parts.at === "function") {
    if (key >= parts.length || key < -parts.length) throw new IndexError(String(key));
    return parts.at(key) ?? null;
  }
  return parts.get(key);
}

export function slice(held: any, from: any, to: any, step: any): any {
  const parts = typeof held === "string" ? [...held] : held;
  let found = parts.slice(from ?? 0, to ?? undefined);
  if (step !== null) found = (step < 0 ? [...parts].reverse() : found).filter((_: any, index: number) => index % Math.abs(step) === 0);
  return typeof held === "string" ? found.join("") : found;
}

export function put(held: any, key: any, value: any): any {
  if (held instanceof Map) held.set(keyIn(held, key), value);
  else held[key < 0 ? held.length + key : key] = value;
  return value;
}

export function remove(held: any, key: any): void {
  if (!(held instanceof Map)) held.splice(key, 1);
  else if (!held.delete(keyIn(held, key))) throw new KeyError(String(key));
}

export function unpack(value: any, count: number): any[] {
  const parts = list(value);
  if (parts.length < count - 1) throw new ValueError("not enough values");
  return parts;
}

export function get(held: any, key: any, other: any = null): any {
  if (!(held instanceof Map)) return held.get(key, other);
  const known = keyIn(held, key);
  return held.has(known) ? held.get(known) : other;
}

export const items = (held: any): any[] => [...held.entries()].map(([key, value]) => [key, value]);
export const keys = (held: any): any => new Set(held.keys());
export const values = (held: any): any => (held instanceof Map ? [...held.values()] : held.values);
export const fromkeys = (names: any, value: any = null): any => dict(list(names).map((each) => [each, value]));
export const copy = (held: any, ...given: any[]): any => (held instanceof Map ? new Map(held) : typeof held.copy === "function" ? held.copy(...given) : [...held]);

export function pop(held: any, key?: any, other?: any): any {
  if (Array.isArray(held)) return key === undefined ? held.pop() : held.splice(key, 1)[0];
  const known = keyIn(held, key);
  if (!held.has(known)) {
    if (other === undefined) throw new KeyError(String(key));
    return other;
  }
  const value = held.get(known);
  held.delete(known);
  return value;
}

export function append(held: any, value: any): any { return held instanceof Set ? held.add(value) : held.push(value); }
export const extend = (held: any, more: any): any => held.push(...iter(more));
export const update = (held: any, more: any): any => { for (const [key, value] of more) held.set(key, value); };
export const setdefault = (held: any, key: any, value: any): any => (held.has(key) ? held.get(key) : put(held, key, value));
export const index = (held: any, value: any): any => {
  const found = list(held).findIndex((each) => eq(each, value));
  if (found < 0) throw new ValueError("is not in it");
  return found;
};
export const find = (held: string, part: string): number => [...held.slice(0, held.indexOf(part))].length - (held.includes(part) ? 0 : held.length + 1);
export const count = (held: any, value: any): any => (typeof held === "string" ? held.split(value).length - 1 : typeof held.count === "function" ? held.count(value) : list(held).filter((each) => eq(each, value)).length);

// Arithmetic

function reckon(one: any, other: any, plain: (a: number, b: number) => number, exact: (a: bigint, b: bigint) => bigint): any {
  const [a, b] = [typeof one === "boolean" ? Number(one) : one, typeof other === "boolean" ? Number(other) : other];
  const whole = isInt(a) && isInt(b);
  if (!numeric(a) || !numeric(b)) throw new TypeError("no numbers");
  if (!whole) return floatOf(plain(Number(a), Number(b)));
  const quick = typeof a === "number" && typeof b === "number" ? plain(a, b) : NaN;
  return Number.isSafeInteger(quick) ? quick : intOf(exact(BigInt(a), BigInt(b)));
}

/** For bits: a number's operators know 32 of them. */
const never = (): number => NaN;

export function add(one: any, other: any): any {
  if (typeof one === "string" && typeof other === "string") return one + other;
  if (Array.isArray(one)) return [...one, ...iter(other)];
  if (one instanceof Uint8Array) return Uint8Array.of(...one, ...other);
  return reckon(one, other, (a, b) => a + b, (a, b) => a + b);
}

export function sub(one: any, other: any): any {
  if (one instanceof Set) return new Set([...one].filter((each) => !has(other, each)));
  return typeof one?.minus === "function" ? one.minus(other) : reckon(one, other, (a, b) => a - b, (a, b) => a - b);
}

export function mul(one: any, other: any): any {
  if (typeof one === "string") return one.repeat(Math.max(0, other));
  if (Array.isArray(one)) return Array.from({ length: Math.max(0, other) }, () => one).flat();
  return reckon(one, other, (a, b) => a * b, (a, b) => a * b);
}

export const neg = (value: any): any => sub(0, value);
export const div = (one: any, other: any): any => floatOf(Number(one) / Number(other));
const floor = (a: bigint, b: bigint): bigint => (a - (((a % b) + b) % b)) / b;
export const floordiv = (one: any, other: any): any => reckon(one, other, (a, b) => Math.floor(a / b), floor);
export const mod = (one: any, other: any): any => reckon(one, other, (a, b) => ((a % b) + b) % b, (a, b) => ((a % b) + b) % b);
export const ceil = (value: any): any => Math.ceil(Number(value));

/** A number with so many digits behind the point; one in the middle comes to the even digit. */
export function round(value: any, digits = 0): any {
  const text = Math.abs(Number(value)).toFixed(60);
  const end = text.indexOf(".") + 1 + digits;
  const near = Number(Math.abs(Number(value)).toFixed(digits));
  const low = Number(text.slice(0, end));
  const found = /^50*$/.test(text.slice(end)) && Number(text[end - 1]) % 2 === 0 ? low : near;
  return floatOf(Number(value) < 0 ? -found : found);
}

export function union(one: any, other: any): any {
  if (one instanceof Map) return new Map([...one, ...other]);
  if (one instanceof Set) return new Set([...one, ...iter(other)]);
  return typeof one?.or === "function" ? one.or(other) : reckon(one, other, never, (a, b) => a | b);
}

export function intersect(one: any, other: any): any {
  if (one instanceof Set) return new Set([...one].filter((each) => has(other, each)));
  return typeof one?.and === "function" ? one.and(other) : reckon(one, other, never, (a, b) => a & b);
}

export const xor = (one: any, other: any): any => reckon(one, other, never, (a, b) => a ^ b);
export const issubset = (one: any, other: any): boolean => [...one].every((each) => has(other, each));
export const bool = truth;

export function int(value: any, base = 10): any {
  if (typeof value !== "string") return typeof value === "bigint" ? value : Math.trunc(Number(value));
  const text = value.trim().replaceAll("_", "");
  if (base === 10 ? !/^[+-]?\d+$/.test(text) : !/^[0-9a-z]+$/i.test(text)) throw new ValueError(`invalid literal for int(): ${repr(value)}`);
  return base === 10 ? intOf(BigInt(text)) : parseInt(text, base);
}

// Texts

const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}\p{Zs}]/u;

/** A value as it is written in the server's language; cursors are bound to such texts. */
export function repr(value: any): string {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (value instanceof Float || (typeof value === "number" && !Number.isInteger(value))) return floatText(Number(value)).replace(/e(\d)/, "e+$1");
  if (typeof value === "number" || typeof value === "bigint") return String(value);
  if (value instanceof Map) return `{${[...value].map(([key, each]) => `${repr(key)}: ${repr(each)}`).join(", ")}}`;
  if (Array.isArray(value)) return `[${value.map(repr).join(", ")}]`;
  const isText = typeof value === "string";
  const characters = isText ? [...value] : Array.from(value as Uint8Array, (byte) => String.fromCharCode(byte));
  const quote = characters.includes("'") && !characters.includes('"') ? '"' : "'";
  const escape = (character: string): string => {
    if (character === "\\" || character === quote) return `\\${character}`;
    if (character === "\n") return "\\n";
    if (character === "\r") return "\\r";
    if (character === "\t") return "\\t";
    const point = character.codePointAt(0)!;
    const shown = isText ? character === " " || !UNPRINTABLE.test(character) : point >= 0x20 && point < 0x7f;
    if (shown) return character;
    const digits = point.toString(16);
    if (point <= 0xff) return `\\x${digits.padStart(2, "0")}`;
    return point <= 0xffff ? `\\u${digits.padStart(4, "0")}` : `\\U${digits.padStart(8, "0")}`;
  };
  return (isText ? "" : "b") + quote + characters.map(escape).join("") + quote;
}

export const str = (value: any = ""): string => (typeof value === "string" ? value : value instanceof Error ? value.message : isWritten(value) ? String(value) : repr(value));
const isWritten = (value: any): boolean => typeof value === "object" && value !== null && Object.getPrototypeOf(value) !== null && !Array.isArray(value) && !(value instanceof Map) && !(value instanceof Float) && !(value instanceof Uint8Array) && typeof value.toString === "function";
export const ord = (value: string): number => value.codePointAt(0)!;
export const chr = (value: number): string => String.fromCodePoint(value);

/** A value by one of the formats that texts use: thousands apart, digits in front, hexadecimal. */
export function format(value: any, form: string): string {
  const [, zero, width, comma, kind] = /^(0?)(\d*)(,?)([xd]?)$/.exec(form) ?? [];
  if (width === undefined) throw new ValueError(form);
  let text = kind === "x" ? value.toString(16) : str(value);
  if (comma) text = text.replace(/\B(?=(\d{3})+$)/g, ",");
  return text.padStart(Number(width || 0), zero ? "0" : " ");
}

export function fill(text: string, ...given: any[]): string {
  let at_ = 0;
  return text.replace(/\{\{|\}\}|\{(\d*)\}/g, (found, number) => (found === "{{" ? "{" : found === "}}" ? "}" : str(given[number ? Number(number) : at_++])));
}

const ends = (part: any): string[] => (typeof part === "string" ? [part] : part);
export function startswith(text: string, part: any): boolean { return ends(part).some((each) => text.startsWith(each)); }
export function endswith(text: string, part: any): boolean { return ends(part).some((each) => text.endsWith(each)); }
export const removeprefix = (text: string, part: string): string => (part && text.startsWith(part) ? text.slice(part.length) : text);
export const removesuffix = (text: string, part: string): string => (part && text.endsWith(part) ? text.slice(0, -part.length) : text);
export const SPACES = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const classOf = (signs: string | null | undefined): string => `[${signs == null ? SPACES : signs.replace(/[\]\\^-]/g, "\\$&")}]+`;
export const lstrip = (text: string, signs?: string | null): string => text.replace(new RegExp(`^${classOf(signs)}`, "u"), "");
export const rstrip = (text: string, signs?: string | null): string => text.replace(new RegExp(`${classOf(signs)}$`, "u"), "");
export function strip(text: string, signs?: string | null): string { return lstrip(rstrip(text, signs), signs); }
export function lower(text: string): string { return text.toLowerCase(); }
export function upper(text: string): string { return text.toUpperCase(); }
export const title = (text: string): string => text.toLowerCase().replace(/\p{L}+/gu, (word) => word[0]!.toUpperCase() + word.slice(1));
export const join = (text: string, parts: any): string => list(parts).join(text);
export const replace = (text: string, part: string, other: string): string => text.replaceAll(part, () => other);
export const split = (text: string, sign?: string | null): string[] => (sign == null ? strip(text).split(new RegExp(classOf(null), "u")).filter(Boolean) : text.split(sign));
export const splitlines = (text: string): string[] => text.replace(/\r?\n$/, "").split(/\r?\n|\r/);
export const partition = (text: string, sign: string): string[] => {
  const found = text.indexOf(sign);
  return found < 0 ? [text, "", ""] : [text.slice(0, found), sign, text.slice(found + sign.length)];
};
export const rpartition = (text: string, sign: string): string[] => {
  const found = text.lastIndexOf(sign);
  return found < 0 ? ["", "", text] : [text.slice(0, found), sign, text.slice(found + sign.length)];
};
export function isdigit(text: string): boolean { return /^\p{Nd}+$/u.test(text); }
export const isascii = (text: string): boolean => !/[^\x00-\x7f]/.test(text);
export const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
export function encodeAscii(text: string): Uint8Array {
  if (!isascii(text)) throw new UnicodeError("no ASCII");
  return encode(text);
}
export const encodeIdna = (text: string): Uint8Array => encode(idna(text));
/** A domain in ASCII. */
function idna(text: string): string {
  const labels = text.split(/[.\u3002\uff0e\uff61]/);
  if (text && labels.some((label, place) => (!label && place < labels.length - 1) || label.length > 63)) throw new UnicodeError("label empty or too long");
  if (isascii(text)) return text;
  try {
    return new URL(`http://${text}`).hostname;
  } catch {
    throw new UnicodeError("no domain");
  }
}

export const decode = (value: Uint8Array, _ = "utf-8"): string => new TextDecoder("utf-8", { ignoreBOM: true }).decode(value);

/** What a regular expression found: its groups by number. */
const found = (groups: RegExpExecArray | null): any => groups && [...groups].map((each) => each ?? null);
const anchored = (form: RegExp, end: string): RegExp => new RegExp(`^(?:${form.source})${end}`, "u");
export function fullmatch(form: RegExp, text: string): any { return found(anchored(form, "$").exec(text)); }
export function match(form: RegExp, text: string): any { return found(anchored(form, "").exec(text)); }
export const search = (form: RegExp, text: string): any => found(new RegExp(form.source, "u").exec(text));
export const substitute = (form: RegExp, other: string, text: string): string => text.replace(form, () => other);

/** An escaped text as it was meant; what is no UTF-8 becomes U+FFFD. */
export const unquote = (text: string): string =>
  text.replace(/(?:%[0-9A-Fa-f]{2})+/g, (run) => decode(fromhex(run.replaceAll("%", ""))));

export const unquotePlus = (text: string): string => unquote(text.replaceAll("+", " "));

export type Pair = readonly [name: string, text: string];

/** The pairs of a query, in their order. */
export function pairsOf(query: string): Pair[] {
  return query.split("&").filter(Boolean).map((part) => {
    const sign = part.indexOf("=");
    const [name, text] = sign < 0 ? [part, ""] : [part.slice(0, sign), part.slice(sign + 1)];
    return [unquotePlus(name), unquotePlus(text)];
  });
}

/** JSON with spaces behind its signs, in ASCII, unless something else is asked for. */
export function dumps(value: any, options: { ensure_ascii?: boolean; sort_keys?: boolean; separators?: string[] } = {}): string {
  const [comma, colon] = options.separators ?? [", ", ": "];
  if (value instanceof Map) {
    const entries = options.sort_keys ? [...value].sort(([a], [b]) => compare(a, b)) : [...value];
    return `{${entries.map(([name, each]) => dumps(name, options) + colon + dumps(each, options)).join(comma)}}`;
  }
  if (Array.isArray(value)) return `[${value.map((each) => dumps(each, options)).join(comma)}]`;
  if (typeof value === "string") {
    const text = JSON.stringify(value);
    return options.ensure_ascii === false ? text : text.replace(/[\u007f-\uffff]/g, (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, "0")}`);
  }
  return value === null || typeof value === "boolean" ? String(value) : repr(value);
}

// Bytes, digests and ids

export const hexOf = (value: Uint8Array): string => Array.from(value, (byte) => byte.toString(16).padStart(2, "0")).join("");
export const hex = (value: any, ...given: any[]): string => (value instanceof Uint8Array ? hexOf(value) : value.hex(...given));
export const fromhex = (text: string): Uint8Array => Uint8Array.from(text.match(/../g) ?? [], (digits) => parseInt(digits, 16));
export const bytesOf = (value: any = 0): Uint8Array => (typeof value === "number" ? new Uint8Array(value) : Uint8Array.from(iter(value)));
export const toBytes = (value: any, size: number, _: string): Uint8Array => fromhex(BigInt(value).toString(16).padStart(2 * size, "0"));
export const fromBytes = (value: Uint8Array, _: string): any => intOf(BigInt(`0x${hexOf(value) || "0"}`));
export const divmod = (one: any, other: any): any => [floordiv(one, other), mod(one, other)];
/** The bytes of a UUID, which stands as a text here; of anything else, what it calls so. */
export const bytesIn = (value: any): any => (typeof value === "string" ? fromhex(value.replaceAll("-", "")) : value.bytes);
export const sha256Of = (value: Uint8Array): any => ({ bytes: sha256(value) });
export const digestOf = (value: any): Uint8Array => value.bytes;
export const hexdigestOf = (value: any): string => hexOf(value.bytes);
export const hmacDigest = (key: Uint8Array, value: Uint8Array, _: any): Uint8Array => hmacSha256(key, value);
const ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789";
export const lettersOf = (value: Uint8Array): string => Array.from(value, (byte) => ALPHABET[byte % ALPHABET.length]).join("");

/** The text of a UUID, which stands for it here. */
export function uuid(text: any, options: { bytes?: Uint8Array; version?: number } = {}): string {
  const given = text && typeof text === "object" && !(text instanceof Uint8Array) ? text : options;
  let digits: string;
  if (given.bytes) {
    const raw = Uint8Array.from(given.bytes as Uint8Array);
    if (given.version) {
      raw[6] = (raw[6]! & 0x0f) | (given.version << 4);
      raw[8] = (raw[8]! & 0x3f) | 0x80;
    }
    digits = hexOf(raw);
  } else digits = String(text).replace(/urn:|uuid:/g, "").replace(/^[{}]+|[{}]+$/g, "").replaceAll("-", "").toLowerCase();
  if (!/^[0-9a-f]{32}$/.test(digits)) throw new ValueError("badly formed hexadecimal UUID string");
  return [digits.slice(0, 8), digits.slice(8, 12), digits.slice(12, 16), digits.slice(16, 20), digits.slice(20)].join("-");
}

export const uuid5 = (space: string, name: string): string =>
  uuid({ bytes: sha1(Uint8Array.of(...fromhex(space.replaceAll("-", "")), ...encode(name))).slice(0, 16), version: 5 });

// Instants: microseconds since 1970

const LATEST = 253_402_300_799_000_000;

export function naiveText(value: number, { digits = 0 }: { digits?: number } = {}): string {
  const moment = Math.min(Math.max(Number(value), 0), LATEST);
  const seconds = Math.floor(moment / 1e6);
  const text = new Date(seconds * 1_000).toISOString().slice(0, 19);
  return digits ? `${text}.${String(moment - seconds * 1e6).padStart(6, "0").slice(0, digits)}` : text;
}

export const instantText = (value: number, { digits = 6 }: { digits?: number } = {}): string => `${naiveText(value, { digits })}Z`;
/** Bytes as a text in the alphabet of URLs, with its signs at the end. */
export const base64 = (value: Uint8Array): Uint8Array =>
  encode(btoa(String.fromCharCode(...value)).replaceAll("+", "-").replaceAll("/", "_"));

/** The host of a URL as it is written, and without its port. */
export function urlsplit(text: string): any {
  const [, netloc = ""] = /^[^:/?#]+:\/\/([^/?#]*)/.exec(text) ?? [];
  return { netloc, hostname: netloc.replace(/^.*@/, "").replace(/:\d*$/, "").toLowerCase() };
}

const INSTANT = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(?::(\d\d)(?:[.,](\d{1,6})\d*)?)?(Z|[+-]\d\d:?\d\d)?)?$/;

export function instant(text: any): number {
  const [, day, time = "00:00", seconds = "00", part = "", zone = "Z"] = INSTANT.exec(String(text)) ?? [];
  const offset = /^([+-]\d\d):?(\d\d)$/.exec(zone);
  const whole = day === undefined ? NaN : Date.parse(`${day}T${time}:${seconds}${offset ? `${offset[1]}:${offset[2]}` : "Z"}`);
  if (Number.isNaN(whole) || !new Date(Date.parse(`${day}T00:00:00Z`)).toISOString().startsWith(day!)) throw new ValueError(`Invalid isoformat string: ${repr(String(text))}`);
  return whole * 1_000 + Number(part.padEnd(6, "0"));
}
