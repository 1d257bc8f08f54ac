// What a request asks the handlers for, by its credential, its query or its Prefer header.

import { repr, type Pair } from "./python.js";
import { FakeProblem } from "./runtime.js";

/** The documented answers of an operation, by status: bodies by the name of the example, and headers. */
export type Examples = Readonly<Record<string, {
  readonly bodies: Readonly<Record<string, string>>; readonly headers: Readonly<Record<string, string>>;
}>>;

/** What of an operation its preferences are held against. */
export interface Known {
  readonly id: string;
  readonly examples: Examples;
  readonly parameters: readonly string[];
  readonly outcomes: readonly string[];
  /** Those that other operations have: a credential goes with every call. */
  readonly othersOutcomes: readonly string[];
  readonly scenarios: boolean;
}

export interface Wanted {
  readonly text: string;
  /** What is answered in the place of the real answer; without a body it is in the provider's dialect. */
  readonly injected: { readonly status: number; readonly body: string | null } | null;
  /** How late the answer is; null where nobody asks for that. */
  readonly seconds: number | null;
  readonly outcome: string;
  readonly times: number | null;
  readonly after: number;
  readonly scenario: string;
  /** Whether it asks for anything but a scenario. */
  readonly fails: boolean;
}

const NAMES = ["code", "example", "delay", "fault", "times", "after", "phase", "outcome", "handling", "scenario"];
const WHAT = ["code", "example", "delay", "fault", "outcome", "scenario"];
const UNSERVED = /^(?:fault|phase|header\..+)$/;
const REGISTERED = ["respond-async", "return", "wait", "depth-noroot", "safe", "odata", "count", "tx"];
const SUFFIX = new RegExp(`\\+(?=(?:${NAMES.filter((each) => each !== "handling").join("|")}|header\\.[^=+]{1,64})=)`);
const PREFERENCE = /\s*([^\s=;,"]+)\s*(?:=\s*("(?:[^"\\]|\\.)*"|[^\s;,"]*))?\s*(?:;(?:[^,"]|"(?:[^"\\]|\\.)*")*)?/suy;
const MOST_SECONDS = 600;
const MOST_SHOWN = 100;

const bad = (detail: string, field: string): FakeProblem => new FakeProblem(400, detail, field);

/** A credential without its suffix, and what that asks for: `key+code=503,times=2`. */
export function splitCredential(text: string): [key: string, asked: Map<string, string>] {
  const match = SUFFIX.exec(text);
  const asked = new Map<string, string>();
  if (!match) return [text, asked];
  for (const part of text.slice(match.index + 1).split(",")) {
    const at = part.indexOf("=");
    asked.set((at < 0 ? part : part.slice(0, at)).trim(), at < 0 ? "" : part.slice(at + 1).trim());
  }
  return [text.slice(0, match.index), asked];
}

/** What a credential asks of this operation, and not of others alone. */
export function keptOf(asked: Map<string, string>, known: Known): Map<string, string> {
  if (!known.othersOutcomes.includes(asked.get("outcome") ?? "")) return asked;
  const left = new Map([...asked].filter(([name]) => name !== "outcome"));
  return [...left.keys()].some((name) => WHAT.includes(name) || name.startsWith("header.")) ? left : new Map();
}

function preferOf(text: string): Map<string, string> {
  const found = new Map<string, string>();
  const unreadable = bad("The Prefer header cannot be read", "Prefer");
  for (let at = 0; at < text.length;) {
    PREFERENCE.lastIndex = at;
    const match = PREFERENCE.exec(text);
    if (!match || !match[0]) throw unreadable;
    const [, name, value = ""] = match;
    if (!found.has(name!.toLowerCase())) found.set(name!.toLowerCase(), value.startsWith('"') ? value.slice(1, -1).replace(/\\(.)/gs, "$1") : value);
    at = PREFERENCE.lastIndex;
    if (at < text.length && text[at++] !== ",") throw unreadable;
  }
  return found;
}

const isForm = (name: string): boolean => name.startsWith("__") && (NAMES.includes(name.slice(2)) || name.startsWith("__header."));

/** What a request asks for; null where it asks for nothing of the handlers'. */
export function readWanted(
  known: Known, scenarios: readonly string[], prefer: string | null, pairs: readonly Pair[], suffix: Map<string, string>,
): Wanted | null {
  const found = new Map(suffix);
  for (const [name, text] of pairs) if (isForm(name)) found.set(name.slice(2), text);
  if (prefer !== null) for (const [name, text] of preferOf(prefer)) found.set(name, text);
  const misspelt = pairs.find(([name]) => name.startsWith("__") && !isForm(name) && !known.parameters.includes(name));
  const handling = found.get("handling") ?? "strict";
  if (misspelt && handling !== "lenient") {
    const name = misspelt[0].slice(0, MOST_SHOWN);
    throw bad(`Query parameter ${repr(name)} is not known${nearForm(name, "__")}`, name);
  }
  if (handling !== "strict" && handling !== "lenient") throw bad("handling must be strict or lenient", "handling");
  const lenient = handling === "lenient";
  let scenario = found.get("scenario") ?? "";
  if (found.has("scenario")) checkScenario(scenario, scenarios);
  if (scenario && !known.scenarios) {
    found.delete("scenario");
    scenario = "";
  }
  const unserved = [...found.keys()].find((name) => UNSERVED.test(name));
  if (unserved !== undefined) throw new FakeProblem(501, `The exported handlers do not serve the preference ${unserved}`, unserved);
  const [unknown] = [...found.keys()].filter((name) => !NAMES.includes(name) && !REGISTERED.includes(name)).sort();
  if (unknown !== undefined && !lenient) throw unknownPreference(unknown);
  const wanted = NAMES.filter((name) => found.has(name) && name !== "handling");
  if (!wanted.some((name) => WHAT.includes(name))) {
    if (!wanted.length) return null;
    throw bad(`${wanted[0]} says how, but not what: add ${WHAT.join(", ")} or a header`, wanted[0]!);
  }
  const number = (name: string): number | null => {
    const text = found.get(name);
    if (text === undefined) return null;
    if (!/^[0-9]{1,6}$/.test(text)) throw bad(`${name} must be a whole number`, name);
    return Number(text);
  };
  const code = number("code");
  const seconds = delayOf(found.get("delay"));
  const injected = exampleOf(known, code, found.get("example"), lenient);
  if (seconds !== null && seconds > MOST_SECONDS) throw bad(`a delay is 0 to ${MOST_SECONDS} seconds`, "delay");
  const outcome = found.get("outcome") ?? "";
  if (outcome && !known.outcomes.includes(outcome)) {
    const hint = known.outcomes.length ? near(outcome, known.outcomes) : "";
    throw bad(`${known.id} has no outcome ${repr(outcome.slice(0, MOST_SHOWN))}${hint}`, "outcome");
  }
  if (outcome && injected) throw bad("an operation that is answered otherwise before it takes effect has no outcome: add phase=after", "phase");
  return {
    text: wanted.map((name) => `${name}=${found.get(name)}`).join(", "), injected, seconds, outcome,
    times: number("times"), after: number("after") ?? 0, scenario, fails: wanted.some((name) => name !== "scenario"),
  };
}

/** Refuse a scenario that there is not. */
export function checkScenario(name: string, known: readonly string[]): void {
  const shown = name.slice(0, MOST_SHOWN);
  if (!known.includes(name)) throw bad(`scenario ${repr(shown)} is not known${near(shown, known)}`, "scenario");
}

function delayOf(text: string | undefined): number | null {
  if (text === undefined) return null;
  const match = /^([0-9]{1,7}(?:\.[0-9]{1,3})?)(ms|s)?$/.exec(text);
  if (!match) throw bad("delay must be milliseconds, as 250 or 250ms, or seconds, as 1.5s", "delay");
  return Number(match[1]) * (match[2] === "s" ? 1 : 0.001);
}

/** The answer that is sent in the place of the real one; null where a success is asked for, or no answer at all. */
function exampleOf({ id, examples }: Known, asked: number | null, example: string | undefined, lenient: boolean): Wanted["injected"] {
  if (asked === null && example === undefined) return null;
  const code = asked === null ? Object.keys(examples).find((each) => Object.hasOwn(examples[each]!.bodies, example!)) : String(asked);
  if (code === undefined) throw bad(`${id} has no example ${repr(example!)}`, "example");
  const documented = Object.hasOwn(examples, code) ? examples[code] : undefined;
  if (documented === undefined) {
    if (lenient && Number(code) >= 200 && Number(code) <= 599) {
      if (example !== undefined) throw bad(`${id} documents no ${code} and so no example of it`, "example");
      return { status: Number(code), body: null };
    }
    throw bad(`${id} documents no ${code}; documented are ${Object.keys(examples).join(", ")} (handling=lenient sends it anyway)`, "code");
  }
  if (example === undefined) return Number(code) < 400 ? null : { status: Number(code), body: Object.values(documented.bodies)[0]! };
  if (!Object.hasOwn(documented.bodies, example)) {
    throw bad(`${id} ${code} has no example ${repr(example)}; it has ${Object.keys(documented.bodies).join(", ") || "none"}`, "example");
  }
  return { status: Number(code), body: documented.bodies[example]! };
}

/** The refusal of a name that asks for nothing, with the one that was probably meant. */
export function unknownPreference(given: string): FakeProblem {
  const name = given.slice(0, MOST_SHOWN);
  return bad(`Preference ${repr(name)} is not known${nearForm(name)}`, name);
}

function nearForm(name: string, prefix = ""): string {
  const at = name.indexOf(".");
  return near(name, [...NAMES.map((each) => prefix + each), `${prefix}header.${(at < 0 ? "" : name.slice(at + 1)) || "NAME"}`]);
}

/** The end of a message about an unknown name: the known one that was probably meant, or all of them. */
function near(name: string, known: readonly string[]): string {
  const close = known.map((each) => ({ each, ratio: ratioOf(each, name) })).filter(({ ratio }) => ratio >= 0.6)
    .sort((a, b) => b.ratio - a.ratio || (a.each < b.each ? 1 : -1));
  return close.length ? `; did you mean ${repr(close[0]!.each)}?` : `; known are ${known.join(", ") || "none"}`;
}

/** How much two texts have in common, from 0 to 1, by the longest parts that they share (Ratcliff and Obershelp). */
function ratioOf(one: string, other: string): number {
  const [a, b] = [[...one], [...other]];
  const shared = (fromA: number, toA: number, fromB: number, toB: number): number => {
    let [size, atA, atB] = [0, fromA, fromB];
    for (let i = fromA; i < toA; i++) {
      for (let j = fromB; j < toB; j++) {
        let length = 0;
        while (i + length < toA && j + length < toB && a[i + length] === b[j + length]) length++;
        if (length > size) [size, atA, atB] = [length, i, j];
      }
    }
    return size && size + shared(fromA, atA, fromB, atB) + shared(atA + size, toA, atB + size, toB);
  };
  return a.length + b.length ? (2 * shared(0, a.length, 0, b.length)) / (a.length + b.length) : 1;
}
