// A page as somebody who uses the React SDK writes one: a provider, the hook, a tool that a component brings along.

import { ConversationProvider, useConversation, useConversationClientTool } from "@elevenlabs/react";
import { useEffect, useState } from "react";
import { createRoot } from "react-dom/client";

const query = new URLSearchParams(location.search);

function Order({ status }) {
  useConversationClientTool("find_order", (parameters) => {
    note("tool", { name: "find_order", parameters });
    return JSON.stringify({ status });
  });
  return null;
}

function Call() {
  const [lines, setLines] = useState([]);
  const [text, setText] = useState("");
  const conversation = useConversation({
    onConnect: (what) => note("onConnect", what),
    onDisconnect: (what) => note("onDisconnect", what),
    onError: (message) => note("onError", message),
    onInterruption: (what) => note("onInterruption", what),
    onVadScore: (what) => note("onVadScore", what),
    onMessage: (what) => {
      note("onMessage", what);
      setLines((before) => [...before, what]);
    },
  });
  const { status, mode, isMuted, message } = conversation;
  useEffect(() => { note("status", status); }, [status]);
  useEffect(() => { note("mode", mode); }, [mode]);
  useEffect(() => { window.session = conversation; });
  const start = (more) => conversation.startSession({
    signedUrl: query.get("url"), connectionType: "websocket", ...more,
  });
  const send = (event) => {
    event.preventDefault();
    conversation.sendUserMessage(text);
    setText("");
  };
  return (
    <main>
      <h1>{status}, {mode}{isMuted ? ", muted" : ""}</h1>
      {message && <p role="alert">{message}</p>}
      <button onClick={() => start()}>Talk</button>
      <button onClick={() => start({ textOnly: true })}>Write</button>
      <button onClick={() => conversation.setMuted(!isMuted)}>Mute</button>
      <button onClick={() => conversation.endSession()}>End</button>
      <form onSubmit={send}>
        <input aria-label="message" value={text} onChange={(event) => setText(event.target.value)} />
      </form>
      <ol>{lines.map((line, index) => <li key={index}>{line.role}: {line.message}</li>)}</ol>
    </main>
  );
}

createRoot(document.getElementById("root")).render(
  <ConversationProvider>
    <Order status="will be here tomorrow" />
    <Call />
  </ConversationProvider>,
);
