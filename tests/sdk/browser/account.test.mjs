// The official SDK for Node.js, unmodified. It refuses answers that lack what its types promise.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { ElevenLabsClient } from "@elevenlabs/elevenlabs-js";

import { recording, serve, shareOf } from "./house.mjs";
import { readFileSync } from "node:fs";

const TEXT = "When do you open tomorrow?";

async function all(stream) {
  const parts = [];
  for await (const part of stream) parts.push(Buffer.from(part));
  return Buffer.concat(parts);
}

describe("the SDK for Node.js", () => {
  let server, client, agents, knowledge;
  before(async () => {
    server = await serve();
    client = new ElevenLabsClient({ apiKey: "any", baseUrl: server.url, maxRetries: 0 });
    ({ agents, knowledgeBase: knowledge } = client.conversationalAi);
  });
  after(() => server.stop());

  it("makes, reads, lists and changes agents and tools", async () => {
    const { agentId } = await agents.create({ name: "Node", conversationConfig: { agent: { firstMessage: "Hi.", prompt: { prompt: "Be kind." } } } });
    assert.equal((await agents.get(agentId)).conversationConfig.agent.firstMessage, "Hi.");
    assert.equal((await agents.update(agentId, { name: "Node too" })).name, "Node too");
    assert.ok((await agents.list({ pageSize: 100 })).agents.some((agent) => agent.name === "Node too"));
    assert.equal((await agents.widget.get(agentId)).widgetConfig.firstMessage, "Hi.");
    const { agentId: copy } = await agents.duplicate(agentId, { name: "Copy" });
    await agents.delete(copy);
    const { tools } = client.conversationalAi;
    const { id } = await tools.create({ toolConfig: { type: "client", name: "look", description: "Looks." } });
    assert.equal((await tools.get(id)).toolConfig.name, "look");
    assert.ok((await tools.list()).tools.some((tool) => tool.id === id));
  });

  it("keeps documents, in both ways they are sent", async () => {
    const { documents } = knowledge;
    const text = await documents.createFromText({ text: "The shop sells bread & tea.", name: "Goods" });
    const kept = await documents.get(text.id);
    assert.equal(kept.extractedInnerHtml, "<p>The shop sells bread &amp; tea.</p>");
    assert.equal((await documents.update(text.id, { name: "Wares" })).name, "Wares");
    const file = new File(["# Tea\nGreen tea is sold here."], "tea.md", { type: "text/markdown" });
    await documents.createFromFile({ file });
    const old = await client.conversationalAi.addToKnowledgeBase({ name: "Older", file: new File(["Older words."], "old.txt", { type: "text/plain" }) });
    assert.match(await documents.getContent(old.id), /Older words/);
    const names = (await knowledge.list({ pageSize: 100 })).documents.map((document) => document.name);
    for (const name of ["Wares", "tea.md", "Older"]) assert.ok(names.includes(name), String(names));
    await documents.delete(text.id, { force: true });
  });

  it("speaks and understands, whole and in real time", async () => {
    const { textToSpeech, speechToText } = client;
    const samples = await all(await textToSpeech.stream("rms", { text: TEXT, outputFormat: "pcm_16000" }));
    const mp3 = await all(await textToSpeech.convert("rms", { text: TEXT }));
    assert.ok(mp3.length > 10_000);
    const timed = await textToSpeech.convertWithTimestamps("rms", { text: TEXT });
    assert.equal(timed.alignment.characters.join(""), TEXT);
    const wav = readFileSync(recording(TEXT));
    const files = [
      { file: new Blob([wav], { type: "audio/wav" }), languageCode: "eng", tagAudioEvents: true },
      { file: samples, fileFormat: "pcm_s16le_16" },
      { file: mp3, diarize: true, numSpeakers: 1 },
    ];
    for (const file of files) {
      const { text, words } = await speechToText.convert({ modelId: "scribe_v1", ...file });
      assert.ok(shareOf("when do you open tomorrow", text) >= 0.6, text);
      assert.ok(words.every((word) => word.speakerId === (file.diarize ? "speaker_0" : undefined)));
    }
    const connection = await speechToText.realtime.connect({ modelId: "scribe_v2_realtime", audioFormat: "pcm_16000", sampleRate: 16_000, commitStrategy: "manual", includeTimestamps: true });
    const heard = new Promise((done, failed) => {
      connection.on("committed_transcript", ({ text }) => done(text));
      connection.on("error", failed);
    });
    await new Promise((ready) => connection.on("session_started", ready));
    for (let at = 0; at < samples.length; at += 3_200) connection.send({ audioBase64: samples.subarray(at, at + 3_200).toString("base64") });
    connection.commit();
    const text = await heard;
    connection.close();
    assert.ok(shareOf("when do you open tomorrow", text) >= 0.6, text);
  });

  it("reads the account, its voices and what is not here", async () => {
    assert.equal((await client.user.get()).subscription.status, "active");
    await client.user.subscription.get();
    assert.ok((await client.models.list()).length > 0);
    assert.ok((await client.voices.search()).voices.some((voice) => voice.voiceId === "rms"));
    assert.equal((await client.voices.get("rms")).voiceId, "rms");
    assert.match((await client.conversationalAi.conversations.getSignedUrl({ agentId: "desk" })).signedUrl, /^ws:/);
    assert.deepEqual((await client.conversationalAi.conversations.list()).conversations, []);
    const refused = await client.music.compose({ prompt: "any" }).catch((error) => error);
    assert.equal(refused.statusCode, 501);
  });
});
