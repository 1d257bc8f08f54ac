// JSON as the server reads and writes it: names keep their order, whole numbers are exact, and 2.0 stays 2.0.

/** A number with a point although it is whole; any other is a plain number, and a very large whole one a bigint. */
export class Float {
  constructor(readonly value: number) {}
  valueOf(): number {
    return this.value;
  }
}

export const floatOf = (value: number): number | Float => (Number.isInteger(value) ? new Float(value) : value);
export const intOf = (value: bigint): number | bigint => {
  const plain = Number(value);
  return Number.isSafeInteger(plain) ? plain : value;
};

/** A number with a fraction in the shortest form that is read as the same, in the form that the server writes. */
export function floatText(value: number): string {
  if (!value) return Object.is(value, -0) ? "-0.0" : "0.0";
  const [, sign, whole, part = "", power = "0"] = /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(String(value))!;
  const all = (whole! + part).replace(/^0+/, "");
  const digits = all.replace(/0+$/, "");
  const point = Number(power) - part.length + all.length;
  if (point > 16 || point <= -5) {
    const rest = digits.slice(1);
    return `${sign}${digits[0]}${rest && `.${rest}`}e${point - 1}`;
  }
  if (point <= 0) return `${sign}0.${"0".repeat(-point)}${digits}`;
  if (digits.length <= point) return `${sign}${digits.padEnd(point, "0")}.0`;
  return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}

/** A value as the server sends it. */
export function write(value: any): string {
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "number") return Number.isInteger(value) ? String(value) : floatText(value);
  if (typeof value === "bigint") return String(value);
  if (value instanceof Float) return floatText(value.value);
  if (value instanceof Map) return `{${[...value].map(([name, each]) => `${JSON.stringify(name)}:${write(each)}`).join(",")}}`;
  return `[${[...value].map(write).join(",")}]`;
}

/** What reading finds wrong that does not end it: a place in the value, and what is so there. */
export interface Flaw {
  readonly kind: "repeated" | "digits" | "surrogate" | "nul";
  readonly place: readonly (string | number)[];
}

const SPACE = /[ \t\n\r]*/y;
const NUMBER = /(-?(?:0|[1-9]\d*))(\.\d+)?([eE][-+]?\d+)?/y;
const TEXT = /"((?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*)"/y;
const WORDS: Readonly<Record<string, unknown>> = { true: true, false: false, null: null };
const LONE = /[\uD800-\uDFFF]/u;

/** A text of JSON as values: objects become maps. SyntaxError: it is none. */
export function read(text: string, mostDigits = Infinity, flaws: Flaw[] = []): any {
  let at = 0;
  const fail = (): never => {
    throw new SyntaxError(`no JSON at ${at}`);
  };
  const next = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match) at = pattern.lastIndex;
    return match;
  };
  const take = (sign: string): boolean => {
    next(SPACE);
    if (text[at] !== sign) return false;
    at++;
    return true;
  };
  const readText = (place: readonly (string | number)[]): string => {
    const match = next(TEXT);
    if (!match) return fail();
    const found: string = match[1]!.includes("\\") ? JSON.parse(match[0]) : match[1]!;
    if (LONE.test(found)) flaws.push({ kind: "surrogate", place });
    if (found.includes("\0")) flaws.push({ kind: "nul", place });
    return found;
  };
  const readNumber = (place: readonly (string | number)[]): unknown => {
    const match = next(NUMBER);
    if (!match) return fail();
    if (match[2] === undefined && match[3] === undefined) {
      if (match[1]!.replace("-", "").length > mostDigits) {
        flaws.push({ kind: "digits", place });
        return 0;
      }
      return intOf(BigInt(match[1]!));
    }
    const value = Number(match[0]);
    return Number.isFinite(value) ? floatOf(value) : fail();
  };
  const readValue = (place: readonly (string | number)[]): unknown => {
    next(SPACE);
    const sign = text[at];
    if (sign === "{") {
      at++;
      const found = new Map<string, unknown>();
      const mine = flaws.length;
      const repeated: string[] = [];
      if (!take("}")) {
        do {
          next(SPACE);
          const name = readText(place);
          if (!take(":")) fail();
          if (found.has(name) && !repeated.includes(name)) repeated.push(name);
          found.set(name, readValue([...place, name]));
        } while (take(","));
        if (!take("}")) fail();
      }
      flaws.splice(mine, 0, ...repeated.map((name): Flaw => ({ kind: "repeated", place: [...place, name] })));
      return found;
    }
    if (sign === "[") {
      at++;
      const found: unknown[] = [];
      if (!take("]")) {
        do found.push(readValue([...place, found.length])); while (take(","));
        if (!take("]")) fail();
      }
      return found;
    }
    if (sign === '"') return readText(place);
    for (const [word, value] of Object.entries(WORDS)) {
      if (text.startsWith(word, at)) {
        at += word.length;
        return value;
      }
    }
    return readNumber(place);
  };
  const value = readValue([]);
  next(SPACE);
  return at === text.length ? value : fail();
}
