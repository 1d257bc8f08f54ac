// Values of parameters, by kind: a text → a value, or a refusal in the words of the table.

import { Refused, type Reader } from "./inputs.js";

const TRUE = ["true", "1", "yes", "on", "t", "y"];
const FALSE = ["false", "0", "no", "off", "f", "n"];
const UUID = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}";
const PLAIN_UUID = new RegExp(`^${UUID}$`);
const PYDANTIC_UUID = new RegExp(`^(?:[0-9a-fA-F]{32}|\\{${UUID}\\}|urn:uuid:${UUID})$`);
const SPACE = "[\\t-\\r \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]*";
const PYDANTIC_INTEGER = new RegExp(`^${SPACE}([+-]?)([0-9]+(?:_[0-9]+)*)(?:\\.0+)?${SPACE}$`);

export const text: Reader = (given) => given;

export const integer: Reader = (given, input) => {
  const match = (input.pydantic ? PYDANTIC_INTEGER : /^([+-]?)([0-9]+)$/).exec(given);
  if (!match) throw new Refused(input.refused!);
  const digits = match[2]!.replaceAll("_", "").replace(/^0+/, "");
  if (digits.length > input.digits!) throw new Refused(input.tooLong!);
  const value = BigInt(digits || "0");
  return match[1] === "-" ? -value : value;
};

export const uuid: Reader = (given, input) => {
  if (!PLAIN_UUID.test(given) && !(input.pydantic && PYDANTIC_UUID.test(given))) throw new Refused(input.refused!);
  const digits = given.toLowerCase().replace(/^urn:uuid:|[{}-]/g, "");
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
};

export const boolean: Reader = (given, input) => {
  const lowered = given.toLowerCase();
  if (!TRUE.includes(lowered) && !FALSE.includes(lowered)) throw new Refused(input.refused!);
  return TRUE.includes(lowered);
};
