// Asks exported handlers what the server was asked, and prints every answer that is another one: argv has the file of
// the vectors and the compiled export.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

import { differences } from "./differences.js";

const [, , file, folder] = process.argv;
const asked = JSON.parse(readFileSync(file, "utf8"));
const { getResponse } = await import("msw");
const { handlers } = await import(pathToFileURL(`${folder}/handlers.js`));
console.log(JSON.stringify(await differences(asked, handlers, getResponse)));
