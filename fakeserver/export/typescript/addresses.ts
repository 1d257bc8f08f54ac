// Addresses and networks as the server's language reads and writes them.

import { ValueError } from "./python.js";

class Address {
  constructor(readonly value: bigint, readonly text: string, readonly max_prefixlen: number) {}
  toString(): string {
    return this.text;
  }
}

export class Address4 extends Address {
  constructor(value: bigint) {
    super(value, [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join("."), 32);
  }
}

export class Address6 extends Address {
  constructor(value: bigint, readonly zone = "") {
    super(value, text6(value) + (zone && `%${zone}`), 128);
  }
  /** The IPv4 address that this one is; null if it is none. */
  get ipv4_mapped(): Address4 | null {
    return this.value >> 32n === 0xffffn ? new Address4(this.value & 0xffffffffn) : null;
  }
}

function text6(value: bigint): string {
  const groups = Array.from({ length: 8 }, (_, index) => Number((value >> BigInt(112 - 16 * index)) & 0xffffn));
  let [start, length] = [-1, 1];
  for (let at = 0; at < 8; at++) {
    let end = at;
    while (end < 8 && !groups[end]) end++;
    if (end - at > length) [start, length] = [at, end - at];
  }
  const written = (some: number[]): string => some.map((group) => group.toString(16)).join(":");
  return start < 0 ? written(groups) : `${written(groups.slice(0, start))}::${written(groups.slice(start + length))}`;
}

function read4(text: string): bigint | null {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^(?:0|[1-9][0-9]{0,2})$/.test(part) && Number(part) < 256)) return null;
  return parts.reduce((sum, part) => sum * 256n + BigInt(part), 0n);
}

function read6(text: string): bigint | null {
  const tail = text.slice(text.lastIndexOf(":") + 1);
  const last = tail.includes(".") ? read4(tail) : null;
  if (tail.includes(".") && last === null) return null;
  const whole = last === null ? text : `${text.slice(0, -tail.length)}${(last >> 16n).toString(16)}:${(last & 0xffffn).toString(16)}`;
  const halves = whole.split("::");
  const groups = halves.map((half) => (half ? half.split(":") : []));
  const count = groups.flat().length;
  if (halves.length > 2 || !groups.flat().every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return null;
  if (halves.length === 1 ? count !== 8 : count > 7) return null;
  const all = [...groups[0]!, ...Array<string>(8 - count).fill("0"), ...(groups[1] ?? [])];
  return all.reduce((sum, group) => sum * 65_536n + BigInt(`0x${group}`), 0n);
}

const refuse = (text: string, what: string): never => {
  throw new ValueError(`'${text}' does not appear to be ${what}`);
};

export function address(text: string): Address4 | Address6 {
  const four = read4(text);
  if (four !== null) return new Address4(four);
  const at = text.indexOf("%");
  const zone = at < 0 ? "" : text.slice(at + 1);
  const six = at >= 0 && (!zone || zone.includes("%")) ? null : read6(at < 0 ? text : text.slice(0, at));
  return six === null ? refuse(text, "an IPv4 or IPv6 address") : new Address6(six, zone);
}

/** A network; `strict` refuses an address with bits behind those that count. */
export function network(text: string, { strict = true }: { strict?: boolean } = {}): { toString(): string } {
  const [head, mask = null, ...more] = text.split("/");
  const found = more.length ? refuse(text, "a network") : address(head!);
  const bits = mask === null ? found.max_prefixlen : bitsOf(mask, found.max_prefixlen) ?? refuse(text, "a network");
  const rest = (1n << BigInt(found.max_prefixlen - bits)) - 1n;
  if (strict && found.value & rest) refuse(text, "a network");
  const base = found.value & ~rest;
  const start = found instanceof Address4 ? new Address4(base) : new Address6(base, found.zone);
  return { toString: () => `${start}/${bits}` };
}

export function network4(text: string, options: { strict?: boolean } = {}): { toString(): string } {
  return text.includes(":") ? refuse(text, "an IPv4 network") : network(text, options);
}

/** How many bits a mask counts; a dotted one may stand for a prefix, or for what is behind it. */
function bitsOf(mask: string, most: number): number | null {
  if (/^[0-9]+$/.test(mask)) return Number(mask) <= most ? Number(mask) : null;
  const value = most === 32 ? read4(mask) : null;
  if (value === null) return null;
  const digits = value.toString(2).padStart(32, "0");
  if (/^1*0*$/.test(digits)) return digits.replaceAll("0", "").length;
  return /^0*1*$/.test(digits) ? digits.replaceAll("1", "").length : null;
}
