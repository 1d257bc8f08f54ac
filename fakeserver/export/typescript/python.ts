// What the server writes in the way of its own language, and what both have to write alike.

const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}\p{Zs}]/u;

/** A text or bytes as Python's `repr` writes it; a cursor is bound to such texts. */
export function repr(value: string | Uint8Array): string {
  const characters = typeof value === "string" ? [...value] : Array.from(value, (byte) => String.fromCharCode(byte));
  const bytes = typeof value !== "string";
  const quote = characters.includes("'") && !characters.includes('"') ? '"' : "'";
  const escape = (character: string): string => {
    if (character === "\\" || character === quote) return `\\${character}`;
    if (character === "\n") return "\\n";
    if (character === "\r") return "\\r";
    if (character === "\t") return "\\t";
    const point = character.codePointAt(0)!;
    const shown = bytes ? point >= 0x20 && point < 0x7f : character === " " || !UNPRINTABLE.test(character);
    if (shown) return character;
    const digits = point.toString(16);
    if (point <= 0xff) return `\\x${digits.padStart(2, "0")}`;
    return point <= 0xffff ? `\\u${digits.padStart(4, "0")}` : `\\U${digits.padStart(8, "0")}`;
  };
  return (bytes ? "b" : "") + quote + characters.map(escape).join("") + quote;
}

/** Whether one text comes before another by code points, as Python sorts: below 0, 0 or above. */
export function compare(one: string, other: string): number {
  const [a, b] = [[...one], [...other]];
  for (let index = 0; index < Math.min(a.length, b.length); index++) {
    const difference = a[index]!.codePointAt(0)! - b[index]!.codePointAt(0)!;
    if (difference) return difference;
  }
  return a.length - b.length;
}

const SAFE = /[A-Za-z0-9_.~-]/;

/** A text escaped for a URL, but for letters, digits and the characters of `safe`. */
export function quote(text: string, safe: string): string {
  const bytes = new TextEncoder().encode(text);
  return Array.from(bytes, (byte) => {
    const character = String.fromCharCode(byte);
    return byte < 0x80 && (SAFE.test(character) || safe.includes(character))
      ? character
      : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }).join("");
}

/** An escaped text as it was meant; what is no UTF-8 becomes U+FFFD. */
export function unquote(text: string): string {
  if (!text.includes("%")) return text;
  const bytes = new TextEncoder().encode(text);
  const found: number[] = [];
  for (let index = 0; index < bytes.length; index++) {
    const digits = String.fromCharCode(bytes[index + 1] ?? 0, bytes[index + 2] ?? 0);
    if (bytes[index] === 0x25 && /^[0-9A-Fa-f]{2}$/.test(digits)) {
      found.push(parseInt(digits, 16));
      index += 2;
    } else found.push(bytes[index]!);
  }
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(found));
}

export type Pair = readonly [name: string, text: string];

/** The pairs of a query, in their order. */
export function pairsOf(query: string): Pair[] {
  return query.split("&").filter(Boolean).map((part) => {
    const at = part.indexOf("=");
    const [name, text] = at < 0 ? [part, ""] : [part.slice(0, at), part.slice(at + 1)];
    return [unquote(name.replaceAll("+", " ")), unquote(text.replaceAll("+", " "))];
  });
}
