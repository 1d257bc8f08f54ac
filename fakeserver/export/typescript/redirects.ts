// Redirects to a path with a slash at its end, or without one.

const SAFE = /[A-Za-z0-9_.~-]/;
const PATH_CHARACTERS = "/:@!$&'()*+,;=";

/** A text escaped for a URL, but for letters, digits and the characters of `safe`. */
function quote(text: string, safe: string): string {
  return Array.from(new TextEncoder().encode(text), (byte) => {
    const character = String.fromCharCode(byte);
    return byte < 0x80 && (SAFE.test(character) || safe.includes(character))
      ? character
      : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }).join("");
}

export type Redirect = (path: string, query: string) => string;

/** Where the client is sent. */
export const locationOf: Redirect = (path, query) =>
  quote(path, PATH_CHARACTERS) + (query ? quote(`?${query}`, `${PATH_CHARACTERS}?%[]`) : "");
