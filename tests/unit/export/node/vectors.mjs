// Asks exported handlers what the server was asked, and prints every answer that is another one: argv has the file of
// the vectors and the compiled export.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [, , file, folder] = process.argv;
const { base, compared, vectors } = JSON.parse(readFileSync(file, "utf8"));
const { getResponse } = await import("msw");
const { handlers } = await import(pathToFileURL(`${folder}/handlers.js`));
const served = handlers(base);
const wrong = [];
for (const { method, target, headers, status, sent, body } of vectors) {
  const request = new Request(base + target, { method, headers });
  const response = await getResponse(served, request);
  const got = { status: response?.status, sent: {}, body: response && (await response.text()) };
  for (const name of compared) {
    const text = response?.headers.get(name);
    if (text !== null && text !== undefined) got.sent[name] = text;
  }
  const same = got.status === status && got.body === body &&
    compared.every((name) => got.sent[name] === sent[name]);
  if (!same) wrong.push({ request: `${method} ${target}`, headers, expected: { status, sent, body }, got });
}
console.log(JSON.stringify({ asked: vectors.length, wrong: wrong.slice(0, 20), count: wrong.length }));
