// Pages made with the official React SDK and with the official widget, unmodified, in a real browser.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { open, recording, serve, shareOf, transcript } from "./house.mjs";

const GREETING = "Hello, this is the desk. How can I help you?";
const QUESTION = "When do you open tomorrow?";
const query = (wishes) => new URLSearchParams(wishes).toString();

describe("a page made with the React SDK", () => {
  let server;
  before(async () => { server = await serve(); });
  after(() => server.stop());
  // The hook knows no other hosts than its maker's; a URL that is given as signed goes anywhere.
  const page = (test, microphone, agent = "desk") => open(test, microphone,
    `/react?${query({ url: `${server.origin}/v1/convai/conversation?agent_id=${agent}` })}`);
  const press = (tab, name) => tab.page.getByRole("button", { name }).click();
  const write = async (tab, text) => {
    await tab.page.getByLabel("message").fill(text);
    await tab.page.getByLabel("message").press("Enter");
  };

  it("talks, is understood and heard, and the user hangs up", async (test) => {
    const tab = await page(test, recording(5, QUESTION, 9, QUESTION, 12));
    await press(tab, "Talk");
    await tab.wait("status", "(s) => s === 'connected'");
    assert.match((await tab.wait("onConnect")).conversationId, /^conv_/);
    await tab.wait("mode", "(m) => m === 'speaking'");
    assert.equal((await tab.wait("onMessage")).message, GREETING);
    await tab.wait("onMessage", "(m) => /nine in the morning/.test(m.message)");
    const said = (await tab.happened("onMessage")).filter((m) => m.role === "user").map((m) => m.message);
    assert.ok(said.some((message) => shareOf("when do you open tomorrow", message) >= 0.8), said.join(" / "));
    await tab.page.waitForTimeout(4_000);
    assert.ok((await tab.happened("mode")).includes("listening"));
    const heard = transcript(tab.audio());
    assert.ok(shareOf(`${GREETING} we open at nine in the morning`, heard) >= 0.6, heard);
    assert.ok((await tab.happened("onVadScore")).some((score) => score.vadScore > 0.5));
    await press(tab, "End");
    await tab.page.getByRole("heading", { name: "disconnected" }).waitFor();
    assert.deepEqual(await tab.happened("onError"), []);
  });

  it("runs the tool of a component, takes what is typed, and the agent hangs up", async (test) => {
    const tab = await page(test, recording(60));
    await press(tab, "Talk");
    await tab.wait("status", "(s) => s === 'connected'");
    await press(tab, "Mute");
    await tab.page.getByRole("heading", { name: "muted" }).waitFor();
    await write(tab, "where is my order");
    await tab.wait("onMessage", "(m) => /will be here tomorrow/.test(m.message)");
    assert.deepEqual(await tab.happened("tool"), [{ name: "find_order", parameters: { order: "seven" } }]);
    await tab.call("sendContextualUpdate", "The user reads the opening hours.");
    await tab.call("sendUserActivity");
    await tab.call("sendFeedback", true);
    await write(tab, "goodbye");
    assert.equal((await tab.wait("onDisconnect")).reason, "agent");
    const heard = transcript(tab.audio());
    assert.ok(shareOf("goodbye and thank you for calling", heard) >= 0.6, heard);
    assert.deepEqual(await tab.happened("onError"), []);
  });

  it("writes, and calls again in the same page", async (test) => {
    const tab = await page(test);
    for (const round of [1, 2]) {
      await press(tab, "Write");
      await tab.page.getByRole("heading", { name: "connected,", exact: false }).waitFor();
      await write(tab, QUESTION);
      await tab.page.waitForFunction((wanted) => window.happened.filter((h) => h.kind === "onMessage" && /nine in the morning/.test(h.what.message)).length === wanted, round);
      await press(tab, "End");
      await tab.page.getByRole("heading", { name: "disconnected" }).waitFor();
    }
    assert.equal((await tab.happened("onConnect")).length, 2);
  });

  it("shows why a conversation is refused", async (test) => {
    const tab = await page(test, undefined, "strict");
    await press(tab, "Write");
    await tab.page.getByRole("alert").filter({ hasText: "does not allow" }).waitFor();
    await tab.page.getByRole("heading", { name: "error" }).waitFor();
  });
});

// The one that pages load from a content network, and the library of today.
for (const build of ["embed", "core"]) {
  describe(`the widget, ${build}`, () => {
    let server;
    before(async () => { server = await serve(); });
    after(() => server.stop());
    const page = (test, microphone, more = {}) => open(test, microphone,
      `/widget?${query({ server: server.url, agent: "desk", build, ...more })}`);
    const shot = async (tab, name) => {
      if (process.env.SDK_PICTURES) await tab.page.screenshot({ path: `${process.env.SDK_PICTURES}/${build}-${name}.png` });
    };
    const message = (tab, text) => tab.page.getByText(text).first().waitFor({ timeout: 30_000 });

    it("talks, and shows what was said", async (test) => {
      const tab = await page(test, recording(5, QUESTION, 9, QUESTION, 20), { transcript: "true", "default-expanded": "true" });
      await tab.page.getByRole("button", { name: "Start a call" }).click();
      await message(tab, GREETING);
      await shot(tab, "talking");
      await message(tab, "nine in the morning");
      await tab.page.waitForTimeout(3_000);
      await shot(tab, "answered");
      const heard = transcript(tab.audio());
      assert.ok(shareOf(`${GREETING} we open at nine in the morning`, heard) >= 0.6, heard);
      await tab.page.getByRole("button", { name: "End" }).first().click();
      await message(tab, "You ended the conversation");
      await shot(tab, "ended");
    });

    it("writes, runs the page's tools, and the agent hangs up", async (test) => {
      const tab = await page(test, undefined, { "default-expanded": "true" });
      const box = tab.page.getByLabel("Text message input").first();
      const write = async (text) => {
        await box.fill(text);
        await box.press("Enter");
      };
      await write("where is my order");
      await message(tab, "will be here tomorrow");
      assert.deepEqual(await tab.happened("tool"), [{ order: "seven" }]);
      assert.ok(!tab.frames.some((frame) => frame.message.type === "audio"), "text needs no sound");
      await write("goodbye");
      await message(tab, "thank you for calling");
      await message(tab, "The agent ended the conversation");
      await shot(tab, "written");
    });

    it("needs no permission for the language that the agent speaks anyway", async (test) => {
      const tab = await page(test, recording(1, 30), { agent: "strict", transcript: "true", "default-expanded": "true", "dynamic-variables": JSON.stringify({ customer: "Ada" }) });
      await tab.page.getByRole("button", { name: "Start a call" }).click();
      await message(tab, "Good day, Ada.");
    });
  });
}
