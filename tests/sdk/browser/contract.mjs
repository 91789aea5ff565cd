// Checks every message our server or our SDK sent against the published contract: the types package of the official SDK.
//
//   node contract.mjs messages.jsonl
//
// Each message becomes a literal of the contract's type, and the TypeScript compiler says whether it is one: missing
// fields, wrong types, words outside an enumeration, fields the contract does not know.

import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import ts from "typescript";

const here = dirname(fileURLToPath(import.meta.url));
const contract = readFileSync(join(here, "node_modules/@elevenlabs/types/generated/types/asyncapi-types.ts"), "utf8");

// The name of the contract's type for each kind of message from the server.
const types = {};
for (const [, name, kind] of contract.matchAll(/export interface (\w*(?:ClientEvent|Metadata|Ping|Interruption|Event)) \{\s+type: "(\w+)";/g)) {
  types[kind] ??= name;
}
for (const [, name, kind] of contract.matchAll(/export interface (\w+) \{\s+type: "(\w+)";/g)) types[kind] ??= name;

types.user_audio_chunk = "UserAudio";

// Ours, prefixed, and ignored by the official SDKs.
const own = (name) => name.startsWith("duologue_");
const without = (value) => {
  if (Array.isArray(value)) return value.map(without);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).filter(([name]) => !own(name)).map(([name, inner]) => [name, without(inner)]));
};

const seen = new Map();
const outside = new Map();
const shapes = new Set();
const lines = readFileSync(process.argv[2], "utf8").split("\n").filter(Boolean);
let source = 'import type * as Contract from "@elevenlabs/types";\n';
const origin = [];
for (const line of lines) {
  const message = JSON.parse(line);
  // The only message without a type.
  if ("user_audio_chunk" in message) message.type = "user_audio_chunk";
  if (own(message.type)) continue;
  if (!types[message.type]) {
    outside.set(message.type, (outside.get(message.type) ?? 0) + 1);
    continue;
  }
  seen.set(message.type, (seen.get(message.type) ?? 0) + 1);
  const short = without(message);
  if (short.type === "user_audio_chunk") delete short.type;
  // Sound says nothing about the shape, and there is a lot of it.
  if (short.audio_event) short.audio_event.audio_base_64 = short.audio_event.audio_base_64.slice(0, 8);
  const literal = JSON.stringify(short);
  const shape = literal.replace(/"[^"]*"(?!:)/g, (text) => (text.length > 24 ? '""' : text)).replace(/\d+/g, "0");
  if (shapes.has(shape)) continue;
  shapes.add(shape);
  source += `export const m${origin.length}: Contract.${types[message.type]} = ${literal};\n`;
  origin.push(line);
}

const file = join(here, "messages.ts");
const options = { strict: true, noEmit: true, skipLibCheck: true, module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext, target: ts.ScriptTarget.ES2022, types: [] };
const host = ts.createCompilerHost(options);
const read = host.getSourceFile.bind(host);
host.getSourceFile = (name, ...rest) => (name === file ? ts.createSourceFile(name, source, options.target) : read(name, ...rest));
const exists = host.fileExists.bind(host);
host.fileExists = (name) => name === file || exists(name);
const program = ts.createProgram([file], options, host);
const problems = ts.getPreEmitDiagnostics(program);
for (const problem of problems.slice(0, 20)) {
  const text = ts.flattenDiagnosticMessageText(problem.messageText, "\n  ");
  const line = problem.file && problem.start !== undefined ? problem.file.getLineAndCharacterOfPosition(problem.start).line - 1 : -1;
  console.error(`${text}\n  in ${(origin[line] ?? problem.file?.fileName ?? "").slice(0, 600)}`);
}
const list = (map) => [...map].sort().map(([kind, count]) => `${kind} ${count}`).join(", ");
console.log(`${lines.length} messages, ${origin.length} shapes of ${seen.size} kinds: ${list(seen)}`);
if (outside.size) console.log(`kinds the contract does not list: ${list(outside)}`);
if (!origin.length) {
  console.error("no messages were recorded");
  process.exit(1);
}
console.log(problems.length ? `${problems.length} problems` : "every message fits the published contract");
process.exit(problems.length ? 1 : 0);
