// The official browser SDK, unmodified, in a real browser, over the WebSocket.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { open, recording, serve, shareOf, transcript } from "./house.mjs";

const GREETING = "Hello, this is the desk. How can I help you?";

describe("an open server", () => {
  let server;
  before(async () => { server = await serve(); });
  after(() => server.stop());
  const desk = (more) => ({ agentId: "desk", connectionType: "websocket", origin: server.origin, ...more });
  const text = (more) => desk({ textOnly: true, ...more });

  it("holds a text conversation that the user ends", async (test) => {
    const tab = await open(test);
    assert.match(await tab.begin(text()), /^conv_[a-z0-9]+$/);
    assert.equal((await tab.wait("onMessage")).message, GREETING);
    await tab.call("sendUserMessage", "When do you open?");
    assert.match((await tab.wait("onMessage", "(m) => /nine/.test(m.message)")).message, /nine in the morning/);
    await tab.call("sendContextualUpdate", "The user reads the opening hours.", { contextId: "page" });
    await tab.call("sendUserActivity");
    await tab.call("sendFeedback", true);
    await tab.call("endSession");
    assert.equal((await tab.wait("onDisconnect")).reason, "user");
    assert.ok(!tab.frames.some(({ message }) => message.type === "audio"), "text needs no sound");
  });

  it("runs client tools and streams replies", async (test) => {
    const tab = await open(test);
    await tab.begin(text(), { find_order: JSON.stringify({ status: "will be here tomorrow" }) });
    await tab.call("sendUserMessage", "where is my order");
    await tab.wait("onMessage", "(m) => /will be here tomorrow/.test(m.message)");
    assert.deepEqual((await tab.happened("tool"))[0].parameters, { order: "seven" });
    assert.equal((await tab.happened("onAgentToolResponse"))[0].tool_name, "find_order");
    const parts = await tab.happened("onAgentChatResponsePart");
    assert.ok(parts.some((part) => part.type === "start") && parts.some((part) => part.type === "stop"));
  });

  it("tells the agent when a tool is not there", async (test) => {
    const tab = await open(test);
    await tab.begin(text());
    await tab.call("sendUserMessage", "where is my order");
    await tab.wait("onMessage", "(m) => /could not find/.test(m.message)");
  });

  it("is ended by the agent once its goodbye is said", async (test) => {
    const tab = await open(test);
    await tab.begin(text());
    await tab.call("sendUserMessage", "goodbye");
    await tab.wait("onMessage", "(m) => /thank you for calling/.test(m.message)");
    const end = await tab.wait("onDisconnect");
    assert.equal(end.reason, "agent");
  });

  it("takes overrides the agent allows and refuses the others", async (test) => {
    const tab = await open(test);
    await tab.begin(text({ overrides: { agent: { firstMessage: "Welcome back." } } }));
    assert.equal((await tab.wait("onMessage")).message, "Welcome back.");
    const strict = await open(test);
    const refused = await strict.begin({
      agentId: "strict", connectionType: "websocket", origin: server.origin, textOnly: true,
      overrides: { agent: { firstMessage: "Mine." } }, dynamicVariables: { customer: "Ada" } });
    assert.equal(refused.closeCode, 1008);
    assert.match(refused.error, /does not allow/);
  });

  it("fills variables in and names a missing one", async (test) => {
    const agent = { agentId: "strict", connectionType: "websocket", origin: server.origin };
    const tab = await open(test, recording(1));
    await tab.begin({ ...agent, dynamicVariables: { customer: "Ada" } });
    assert.equal((await tab.wait("onMessage")).message, "Good day, Ada.");
    const other = await open(test, recording(1));
    const refused = await other.begin(agent);
    assert.equal(refused.closeCode, 1008);
    assert.match(refused.error, /customer/);
  });

  it("lets a page bring its own agent along", async (test) => {
    const tab = await open(test);
    await tab.begin({ textOnly: true, orchestrator: {
      url: `${server.origin}/v1/convai/conversation`,
      agentConfig: { agent: { first_message: "I came along with you.", prompt: { prompt: "The shop opens at nine." } } } } });
    assert.equal((await tab.wait("onMessage")).message, "I came along with you.");
  });

  it("takes everything a page can send", async (test) => {
    const tab = await open(test);
    await tab.begin(text({ userId: "ada", customLlmExtraBody: undefined, dynamicVariables: { any: "thing", n: 3, yes: true } }));
    await tab.wait("onMessage");
    assert.equal(await tab.call("isOpen"), true);
    await tab.call("sendFeedback", false);
    await tab.call("sendFeedback", null, 1);
    await tab.call("sendMCPToolApprovalResult", "none", true);
    await tab.call("sendContextualUpdate", "The user scrolls.");
    await tab.call("sendUserActivity");
    await tab.call("sendMultimodalMessage", { text: "When do you open?" });
    await tab.wait("onMessage", "(m) => /nine in the morning/.test(m.message)");
    await tab.wait("onPing", "(p) => typeof p.ping_ms === 'number'");
    const sent = (await tab.happened("onOutgoingEvent")).map((event) => event.type);
    for (const kind of ["feedback", "mcp_tool_approval_result", "contextual_update", "user_activity", "multimodal_message", "pong"]) {
      assert.ok(sent.includes(kind), `${kind} is not among ${sent}`);
    }
    assert.deepEqual(await tab.happened("onError"), []);
  });

  it("waits in vain for a tool the page keeps to itself, and goes on", async (test) => {
    const tab = await open(test);
    await tab.begin(text({ unhandledTools: true }));
    await tab.call("sendUserMessage", "where is my order");
    assert.equal((await tab.wait("onUnhandledClientToolCall")).tool_name, "find_order");
    await tab.wait("onMessage", "(m) => /could not find/.test(m.message)");
  });

  it("says what to do when a page asks for WebRTC", async (test) => {
    const tab = await open(test, recording(1));
    const refused = await tab.begin({ agentId: "desk", origin: server.url });
    assert.match(refused.error, /websocket/i);
  });

  it("is set up like any other agent: the bundled assistant by text, in other words", async (test) => {
    const tab = await open(test);
    await tab.begin({ agentId: "assistant", connectionType: "websocket", origin: server.origin, textOnly: true,
      overrides: { agent: { firstMessage: "Welcome.", language: "en", prompt: { prompt: "Be short." } }, tts: { voiceId: "rms", speed: 1.1 } } });
    assert.equal((await tab.wait("onMessage")).message, "Welcome.");
    await tab.call("sendUserMessage", "what is twelve times seven");
    await tab.wait("onMessage", "(m) => /84/.test(m.message)");
  });

  it("plays, mutes and measures sound", async (test) => {
    const tab = await open(test, recording(3, "When do you open tomorrow?", 20));
    await tab.begin(desk());
    await tab.wait("onModeChange", "(m) => m.mode === 'speaking'");
    await tab.call("setVolume", { volume: 0.5 });
    assert.equal(typeof await tab.call("getInputVolume"), "number");
    assert.ok(await tab.page.evaluate(async () => {
      for (let tries = 0; tries < 100; tries += 1) {
        if (session.getOutputVolume() > 0) return true;
        await new Promise((later) => setTimeout(later, 50));
      }
      return false;
    }), "the agent can be heard");
    await tab.call("setMicMuted", true);
    await tab.wait("onModeChange", "(m) => m.mode === 'listening'");
    await tab.page.waitForTimeout(6_000);
    assert.deepEqual((await tab.happened("onMessage")).filter((m) => m.role === "user"), [], "a muted microphone says nothing");
    await tab.call("setMicMuted", false);
    await tab.call("endSession");
    assert.equal((await tab.wait("onDisconnect")).reason, "user");
  });

  it("understands speech and is understood", async (test) => {
    const tab = await open(test, recording(5, "When do you open tomorrow?", 9, "When do you open tomorrow?", 12));
    const id = await tab.begin(desk());
    assert.match(id, /^conv_/);
    // A caller who is not understood says it again.
    await tab.wait("onMessage", "(m) => /nine in the morning/.test(m.message)");
    const said = (await tab.happened("onMessage")).filter((m) => m.role === "user").map((m) => m.message);
    assert.ok(said.some((message) => shareOf("when do you open tomorrow", message) >= 0.8), said.join(" / "));
    await tab.wait("onModeChange", "(m) => m.mode === 'speaking'");
    await tab.page.waitForTimeout(4_000);
    const heard = transcript(tab.audio());
    assert.ok(shareOf(`${GREETING} we open at nine in the morning`, heard) >= 0.6, heard);
    assert.ok((await tab.happened("onVadScore")).some((score) => score.vadScore > 0.5));
    await tab.call("endSession");
    assert.equal((await tab.wait("onDisconnect")).reason, "user");
  });

  it("stops at once when it is interrupted and sends nothing stale", async (test) => {
    const tab = await open(test, recording(5, "Tell me a long story.", 6, "When do you open tomorrow?", 9, "When do you open tomorrow?", 15));
    await tab.begin(desk());
    const story = await tab.wait("onMessage", "(m) => /baker/.test(m.message)");
    const { event_id: mark } = await tab.wait("onInterruption");
    const correction = await tab.wait("onAgentResponseCorrection");
    assert.ok(story.message.startsWith(correction.corrected_agent_response.replace(/[\s.…]+$/, "")), correction.corrected_agent_response);
    assert.ok(correction.corrected_agent_response.length < story.message.length);
    await tab.wait("onMessage", "(m) => /nine in the morning/.test(m.message)");
    const at = tab.frames.findIndex(({ message }) => message.type === "interruption");
    const before = tab.frames.slice(0, at).filter(({ message }) => message.type === "audio");
    const after = tab.frames.slice(at).filter(({ message }) => message.type === "audio");
    assert.equal(Math.max(...before.map(({ message }) => message.audio_event.event_id)), mark);
    assert.ok(after.length > 0 && after.every(({ message }) => message.audio_event.event_id > mark));
  });

  it("says its goodbye before it hangs up", async (test) => {
    const tab = await open(test, recording(5, "Goodbye.", 9, "Goodbye.", 10));
    await tab.begin(desk());
    const end = await tab.wait("onDisconnect");
    assert.equal(end.reason, "agent");
    const heard = transcript(tab.audio());
    assert.ok(shareOf("goodbye and thank you for calling", heard) >= 0.6, heard);
    // The SDK hangs up when it is told of end_call, so that must come after the goodbye has had its time.
    const frames = tab.frames;
    const last = frames.findLastIndex(({ message }) => message.type === "audio");
    const told = frames.findIndex(({ message }) => message.type === "agent_tool_response" && message.agent_tool_response.tool_name === "end_call");
    assert.ok(told > last, "end_call after the last sound");
  });
});

describe("a server with keys", () => {
  let server;
  before(async () => { server = await serve({ API_KEYS: "right-key" }); });
  after(() => server.stop());

  it("is entered by a signed URL", async (test) => {
    const tab = await open(test);
    const signedUrl = await server.signedUrl("private", "right-key");
    await tab.begin({ signedUrl, connectionType: "websocket", textOnly: true });
    assert.equal((await tab.wait("onMessage")).message, "This line is private.");
  });

  it("is entered by a bearer of a key, and by nobody else", async (test) => {
    const agent = { agentId: "private", connectionType: "websocket", origin: server.origin, textOnly: true };
    const tab = await open(test);
    await tab.begin({ ...agent, authorization: "right-key" });
    assert.equal((await tab.wait("onMessage")).message, "This line is private.");
    const stranger = await open(test);
    assert.equal((await stranger.begin(agent)).closeCode, 1008);
  });
});
