// The column for JavaScript of the table in docs/sdk.md, beside what the published packages declare.
//
//   node sdk-map.mjs PAGE CALLS MODULES
//
// CALLS is a JSON list of the calls of the Python SDK that have a row; MODULES a folder with @elevenlabs/client,
// @elevenlabs/elevenlabs-js and typescript.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const [page, calls, modules] = process.argv.slice(2);
const ts = createRequire(join(resolve(modules), "x.js"))("typescript");

// What is asked of the types, as a page's author would write it.
const source = `
import * as sdk from "@elevenlabs/client";
import { ElevenLabsClient } from "@elevenlabs/elevenlabs-js";
export declare const options: sdk.PartialOptions & sdk.ConversationLifecycleOptions & sdk.Callbacks & sdk.MCPToolApprovalConfig;
export declare const session: sdk.TextConversation | sdk.VoiceConversation;
export declare const names: typeof sdk;
export declare const account: ElevenLabsClient;
`;
const file = join(resolve(modules), "..", "map.ts");
const settings = {
  strict: true, noEmit: true, skipLibCheck: true, types: [], target: ts.ScriptTarget.ES2022, lib: ["lib.es2022.d.ts", "lib.dom.d.ts"],
  module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext, customConditions: ["browser"],
};
const host = ts.createCompilerHost(settings);
const read = host.getSourceFile.bind(host);
host.getSourceFile = (name, ...rest) => (name === file ? ts.createSourceFile(name, source, settings.target, true) : read(name, ...rest));
const exists = host.fileExists.bind(host);
host.fileExists = (name) => name === file || exists(name);
const program = ts.createProgram([file], settings, host);
const problems = ts.getPreEmitDiagnostics(program);
if (problems.length) {
  console.error(ts.flattenDiagnosticMessageText(problems[0].messageText, "\n"));
  process.exit(1);
}
const checker = program.getTypeChecker();
const types = {};
ts.forEachChild(program.getSourceFile(file), (node) => {
  if (!ts.isVariableStatement(node)) return;
  for (const { name } of node.declarationList.declarations) types[name.text] = checker.getTypeAtLocation(name);
});

const hidden = ts.ModifierFlags.Private | ts.ModifierFlags.Protected;
function members(type) {
  const all = type.isUnion() ? type.types.flatMap(members) : type.getProperties();
  return [...new Map(all.map((member) => [member.name, member])).values()].filter((member) => {
    const declared = member.valueDeclaration ?? member.declarations?.[0];
    return !member.name.startsWith("_") && !(declared && ts.getCombinedModifierFlags(declared) & hidden);
  });
}
const namesOf = (type) => members(type).map((member) => member.name);

// The calls of the account, as `conversationalAi.agents.list`.
const account = new Set();
(function walk(type, path) {
  for (const member of members(type)) {
    const its = checker.getTypeOfSymbol(member);
    if (its.getCallSignatures().length) account.add([...path, member.name].join("."));
    else if (its.symbol && path.length < 6 && its.symbol.flags & ts.SymbolFlags.Class) walk(its, [...path, member.name]);
  }
})(types.account, []);

const session = new Set(namesOf(types.session).filter((name) => name !== "type"));
const options = new Set(namesOf(types.options));
const exported = new Set(namesOf(types.names));
const own = new Set([...session, ...options, ...exported]);
for (const member of members(types.names)) {
  for (const inner of namesOf(checker.getTypeOfSymbol(member))) own.add(`${member.name}.${inner}`);
}
own.add("startSession");

const text = readFileSync(page, "utf8").split("# For those who come from another SDK")[1];
const [table, rest] = text.split("What has no row");
const wrong = [];
const named = new Set();
const elsewhere = new Set();
const tokens = (cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, token]) => token);
for (const row of table.split("\n").filter((line) => line.startsWith("| "))) {
  const cells = row.replace(/^\||\|$/g, "").split(" | ").map((cell) => cell.trim());
  if (cells.length !== 3) continue;
  for (const token of tokens(cells[1])) {
    const name = token.replace(/\(.*/, "");
    for (const inner of [name, ...[...token.matchAll(/[{,]\s*([A-Za-z]+)/g)].map((found) => found[1])]) {
      if (own.has(inner)) inner.split(".").forEach((one) => named.add(one));
      else if (account.has(inner)) elsewhere.add(inner);
      else wrong.push(`the JavaScript SDKs have no ${inner}: ${row}`);
    }
  }
}

const camel = (call) => call.replace(/_([a-z0-9])/g, (_, letter) => letter.toUpperCase());
const missing = JSON.parse(readFileSync(calls, "utf8")).map(camel).filter((call) => !account.has(call));
const said = new Set(tokens(text.split("has not in JavaScript")[1]?.split("\n\n")[0] ?? ""));
for (const call of missing.filter((one) => !said.has(one))) wrong.push(`@elevenlabs/elevenlabs-js has no ${call}, and the page does not say so`);
for (const call of said) if (account.has(call)) wrong.push(`@elevenlabs/elevenlabs-js has ${call}, and the page says that it has not`);

const without = new Set(tokens(rest.split("Of `@elevenlabs/client`:")[1]?.split("\n\n")[0] ?? ""));
for (const name of without) if (!own.has(name)) wrong.push(`@elevenlabs/client has no ${name}, which is said to be missing here`);
const forgotten = [...session, ...options, ...exported].filter((name) => !named.has(name) && !without.has(name));
wrong.push(...forgotten.map((name) => `no word of ${name}`));
for (const line of wrong) console.log(line);
console.log(`${session.size + options.size + exported.size} names of @elevenlabs/client: ${named.size} have a row, ${without.size} are said to be without one, `
  + `${forgotten.length} are forgotten; ${missing.length} calls of the Python SDK are not in @elevenlabs/elevenlabs-js, which has ${account.size}`);
process.exit(wrong.length ? 1 : 0);
