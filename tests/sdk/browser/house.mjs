// A server of ours, a page with the official SDK, and a browser whose microphone is a recording.

import { execFileSync, spawn } from "node:child_process";
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { buildSync } from "esbuild";
import { chromium } from "playwright-core";

const here = dirname(fileURLToPath(import.meta.url));
const root = process.env.SDK_ROOT ?? resolve(here, "../../..");
const binary = process.env.DUOLOGUE;
const modules = process.env.SDK_MODULES;
export const PATIENCE = 30_000;
const RATE = 16_000;

// Nothing of this machine's settings, so that the same agent answers everywhere.
const environment = (more) => ({
  PATH: process.env.PATH, HOME: process.env.HOME, OLLAMA_HOST: "", LOG_LEVEL: "warn", ...more,
});

export async function serve(more = {}) {
  const home = mkdtempSync(join(tmpdir(), "duologue-"));
  const child = spawn(binary, ["--json", "serve", "--host", "127.0.0.1", "--port", "0", "--llm", "scripted",
    "--agents", join(root, "tests/sdk/agents"), "--data", join(home, "data")],
  { env: environment(more), cwd: home, stdio: ["ignore", "pipe", "inherit"] });
  const url = await new Promise((found, failed) => {
    createInterface({ input: child.stdout }).on("line", (line) => {
      const said = JSON.parse(line);
      if (said.type === "serving") found(said.url);
    });
    child.on("exit", () => failed(new Error("the server did not start")));
  });
  return {
    url,
    origin: url.replace("http", "ws"),
    async signedUrl(agent, key) {
      const response = await fetch(`${url}/v1/convai/conversation/get-signed-url?agent_id=${agent}`, { headers: { "xi-api-key": key } });
      return (await response.json()).signed_url;
    },
    stop() {
      child.kill("SIGKILL");
      rmSync(home, { recursive: true, force: true });
    },
  };
}

// One recording out of silence (in seconds) and sentences, made by the product's own voice.
export function recording(...parts) {
  const home = mkdtempSync(join(tmpdir(), "duologue-"));
  const sound = parts.map((part, index) => {
    if (typeof part === "number") return Buffer.alloc(Math.round(part * RATE) * 2);
    const path = join(home, `${index}.wav`);
    execFileSync(binary, ["speak", part, "--voice", "rms", "--output", path], { env: environment(), cwd: home });
    const file = readFileSync(path);
    return file.subarray(file.indexOf("data") + 8);
  });
  const samples = Buffer.concat(sound);
  const header = Buffer.alloc(44);
  header.write("RIFF", 0);
  header.writeUInt32LE(36 + samples.length, 4);
  header.write("WAVEfmt ", 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(RATE, 24);
  header.writeUInt32LE(RATE * 2, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write("data", 36);
  header.writeUInt32LE(samples.length, 40);
  const path = join(home, "microphone.wav");
  writeFileSync(path, Buffer.concat([header, samples]));
  return path;
}

// The words that are heard in 16 kHz samples.
export function transcript(samples) {
  const home = mkdtempSync(join(tmpdir(), "duologue-"));
  const path = join(home, "heard.raw.wav");
  const header = readFileSync(recording(0)).subarray(0, 44);
  header.writeUInt32LE(samples.length, 40);
  header.writeUInt32LE(36 + samples.length, 4);
  writeFileSync(path, Buffer.concat([header, samples]));
  return execFileSync(binary, ["transcribe", path], { env: environment(), cwd: home, encoding: "utf8" });
}

const words = (text) => text.toLowerCase().match(/[a-z']+/g) ?? [];

export function shareOf(wanted, heard) {
  const left = words(heard);
  const found = words(wanted).filter((word) => {
    const at = left.indexOf(word);
    if (at >= 0) left.splice(at, 1);
    return at >= 0;
  });
  return found.length / Math.max(1, words(wanted).length);
}

// What a page's own build would make of it.
const bundle = (file) => buildSync({
  entryPoints: [join(here, file)], bundle: true, write: false, format: "iife", minify: true, jsx: "automatic", logLevel: "error",
  define: { "process.env.NODE_ENV": '"production"' },
}).outputFiles[0].contents;

function servePage() {
  const page = (name) => ["text/html", () => readFileSync(join(here, name))];
  const script = (content) => ["text/javascript", content];
  const files = {
    "/": page("page.html"),
    "/react": page("react.html"),
    "/widget": page("widget.html"),
    "/client.js": script(() => readFileSync(join(modules, "@elevenlabs/client/dist/lib.iife.js"))),
    "/embed.js": script(() => readFileSync(join(modules, "@elevenlabs/convai-widget-embed/dist/index.js"))),
    "/react.js": script(() => bundle("react.jsx")),
    "/widget.js": script(() => bundle("widget.js")),
  };
  const server = createServer((request, response) => {
    const file = files[new URL(request.url, "http://any").pathname];
    if (!file) return response.writeHead(404).end();
    response.writeHead(200, { "content-type": file[0] });
    response.end(file[1]());
  });
  return new Promise((ready) => server.listen(0, "127.0.0.1", () => ready(server)));
}

// A browser with one page, closed by the test's end.
export async function open(test, microphone, path = "/") {
  const server = await servePage();
  const sound = microphone ? [`--use-file-for-fake-audio-capture=${microphone}%noloop`] : [];
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
      "--autoplay-policy=no-user-gesture-required", "--disable-features=AudioServiceOutOfProcess", ...sound],
  });
  test.after(async () => {
    await browser.close();
    server.close();
  });
  const context = await browser.newContext({ permissions: ["microphone"] });
  const page = await context.newPage();
  const frames = [];
  page.on("websocket", (socket) => {
    socket.on("framereceived", ({ payload }) => {
      frames.push({ at: Date.now(), message: JSON.parse(payload) });
      if (process.env.SDK_MESSAGES) appendFileSync(process.env.SDK_MESSAGES, `${payload}\n`);
    });
  });
  await page.goto(`http://127.0.0.1:${server.address().port}${path}`);
  return {
    page,
    frames,
    begin: (options, tools) => page.evaluate(([o, t]) => globalThis.begin(o, t), [options, tools]),
    happened: (kind) => page.evaluate((k) => globalThis.happened.filter((h) => h.kind === k).map((h) => h.what), kind),
    // Waits for something the SDK tells; `test` is a function of one argument, evaluated in the page.
    wait: async (kind, test = "() => true") => {
      const found = await page.waitForFunction(
        ([k, t]) => globalThis.happened.find((h) => h.kind === k && (0, eval)(t)(h.what)), [kind, String(test)], { timeout: PATIENCE })
        .catch(async (error) => {
          const all = await page.evaluate(() => globalThis.happened.filter((h) => !/Vad|onAudio|Ping|Alignment/.test(h.kind)));
          throw new Error(`no ${kind}: ${error.message}\n${JSON.stringify(all).slice(-3000)}`);
        });
      return (await found.jsonValue()).what;
    },
    call: (method, ...what) => page.evaluate(([m, w]) => globalThis.session[m](...w), [method, what]),
    audio: (since = 0) => Buffer.concat(frames
      .filter(({ at, message }) => message.type === "audio" && at >= since)
      .map(({ message }) => Buffer.from(message.audio_event.audio_base_64, "base64"))),
  };
}
