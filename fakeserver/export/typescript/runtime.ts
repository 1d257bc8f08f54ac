// What a provider's own functions are shown and answer (`functions.ts`): problems, results, writes and new ids.

import { blake2b } from "./blake2b.js";
import { shake256 } from "./hashes.js";
import * as py from "./python.js";

/** What an effect sets a field to that is left out from then on. */
export const ABSENT = Symbol("absent");
/** An input that nobody kept. */
export const UNKNOWN = Symbol("unknown");

/** One reason for a refusal. */
export class Issue extends py.Tuple {
  constructor(
    readonly loc: readonly (string | number)[], readonly msg: string, readonly type: string,
    readonly input: any = UNKNOWN, readonly context: Map<string, any> = new Map(), readonly known: readonly string[] = [],
  ) {
    super();
  }
  get field(): string {
    return this.loc.slice(1).map(py.str).join(".") || py.str(this.loc[0]);
  }
}

/** A refusal, in no provider's dialect yet. */
export class Problem extends py.Exception {
  operation = "";
  readonly issues: readonly Issue[];
  readonly headers: Map<string, string>;
  constructor(
    readonly status: number, readonly kind: string, readonly detail: string, issues: Iterable<Issue> = [],
    headers: Map<string, string> | null = null, public remark = "",
  ) {
    super(detail);
    this.issues = [...issues];
    this.headers = new Map(headers ?? []);
  }
}

/** A refusal by the fake itself, never in the provider's dialect. */
export class FakeProblem extends Error {
  constructor(readonly status: number, readonly detail: string, readonly field = "") {
    super(detail);
  }
}

export class ValueRefused extends py.Exception {
  constructor(readonly msg: string, readonly type: string, readonly context: Map<string, any> = new Map()) {
    super(msg);
  }
}

export class Result {
  constructor(
    readonly status: number, public body: any = "", readonly headers: Map<string, string> | null = null,
    public writes: readonly Write[] = [], readonly media_type = "", public job: any = null, public after: readonly any[] = [],
  ) {}
}

export class Write {
  constructor(readonly tenant: string, readonly changes: readonly (Put | Remove | Clear)[], readonly kind = "") {}
}

export class Put {
  constructor(
    readonly document: Map<string, any>, readonly owner: string, readonly ordinal: number | null = null,
    readonly kept: Map<string, any> | null = null, readonly fresh = false,
  ) {}
}

export class Remove {
  constructor(readonly identity: string, readonly ordinal: number | null = null) {}
}

export class Clear {}

/** A field is filed under its value. */
export const itself = (value: any): any => value;

/** The document of a tenant that has this id; null if there is none. */
export const findRecord = (view: any, tenant: string, identity: any, kind: any = "", options: { field?: string | null } = {}): any =>
  typeof kind === "string" ? view.find(tenant, identity, kind, options.field ?? null) : view.find(tenant, identity, "", kind.field ?? null);

/** Texts for new documents; the same requests in the same world come to the same ones. */
class Mint {
  constructor(private readonly seed: Uint8Array) {}
  private bytes(field: string, size: number): Uint8Array {
    return shake256(py.add(this.seed, py.encode(field)), size);
  }
  uuid(field: string): string {
    return py.uuid({ bytes: this.bytes(field, 16), version: 4 });
  }
  letters(field: string, count: number): string {
    return py.lettersOf(this.bytes(field, count));
  }
  hex(field: string, digits: number): string {
    return py.hexOf(this.bytes(field, Math.floor((digits + 1) / 2))).slice(0, digits);
  }
  below(field: string, limit: number): number {
    return Number(BigInt(`0x${py.hexOf(this.bytes(field, 8))}`) % BigInt(limit));
  }
}

export function mint(view: any, tenant: string, ...parts: string[]): Mint {
  const { issuer, now, attempt } = view;
  const name = [tenant, issuer.writes, now, attempt, ...parts].map(String).join("\x1f");
  return new Mint(blake2b(py.encode(name), issuer.secret, 32));
}
