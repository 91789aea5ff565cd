"""What remains of conversations, and what follows them, as the official client asks for it."""

import base64
import http.server
import io
import json
import os
import signal
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.request
import wave

import house
from house import Call, Line, speech

from elevenlabs import ElevenLabs
from elevenlabs.core.api_error import ApiError


def convai(client):
    """The third generation calls it otherwise."""
    return getattr(client, "conversational_ai", None) or client.agents


def agents(client):
    """Where agents are made."""
    home = convai(client)
    return home if hasattr(home, "create") else home.agents


class Home:
    """A server that can be stopped, killed and started again with the same records."""

    def __init__(self, **environment):
        self.folder = tempfile.TemporaryDirectory()
        self.environment = environment
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [house.BINARY, "--json", "serve", "--host", "127.0.0.1", "--port", "0", "--llm", "scripted",
             "--agents", str(house.AGENTS), "--data", f"{self.folder.name}/data"],
            env=house.quiet_environment(**self.environment), cwd=self.folder.name, stdout=subprocess.PIPE, text=True)
        for line in self.process.stdout:
            said = json.loads(line)
            if said.get("type") == "serving":
                self.url = said["url"]
                return
        raise AssertionError("the server did not start")

    def client(self, key="any"):
        return ElevenLabs(base_url=self.url, api_key=key)

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        self.process.wait(house.PATIENCE * 2)
        self.process.stdout.close()

    def restart(self, how=signal.SIGTERM):
        self.stop(how)
        self.start()

    def close(self):
        if self.process.poll() is None:
            self.stop(signal.SIGKILL)
        self.folder.cleanup()


class Listener(http.server.ThreadingHTTPServer):
    """Takes webhooks, or refuses the first few."""

    def __init__(self, refuse=0):
        self.came = []
        self.refuse = refuse
        listener = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                if self.headers.get("transfer-encoding", "").lower() == "chunked":
                    body = b""
                    while size := int(self.rfile.readline().strip(), 16):
                        body += self.rfile.read(size)
                        self.rfile.readline()
                    self.rfile.readline()
                else:
                    body = self.rfile.read(int(self.headers["content-length"]))
                listener.came.append((self.path, dict(self.headers.items()), body))
                refused = listener.refuse > 0
                listener.refuse -= 1
                self.send_response(503 if refused else 200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/hook"


class Model(http.server.ThreadingHTTPServer):
    """An OpenAI-compatible llm that answers, and judges when it is told to judge."""

    def __init__(self):
        self.judged = []
        self.wrong = []
        model = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                if self.path != "/v1/chat/completions" or body.get("stream") is not True or not body.get("model"):
                    model.wrong.append((self.path, body))
                first = body["messages"][0]
                if first["role"] == "system" and first["content"].startswith("You judge a conversation"):
                    transcript = body["messages"][1]["content"]
                    model.judged.append(transcript)
                    found = "blue" in transcript
                    text = json.dumps({
                        "title": "A colour is chosen", "summary": "The user chose a colour.", "call_successful": "success",
                        "criteria": {"polite": {"result": "success", "rationale": "It greeted the user."}},
                        "data": {"colour": {"value": "blue" if found else None, "rationale": "The user named it."}},
                    })
                else:
                    text = "Noted, thank you."
                self.send_response(200)
                self.send_header("content-type", "text/event-stream")
                self.end_headers()
                for piece in (text[:10], text[10:]):
                    delta = {"choices": [{"index": 0, "delta": {"content": piece}}]}
                    self.wfile.write(f"data: {json.dumps(delta)}\n\n".encode())
                end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}],
                       "usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}}
                self.wfile.write(f"data: {json.dumps(end)}\n\ndata: [DONE]\n\n".encode())

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


def until(test, what, patience=house.PATIENCE):
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        found = test()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {patience} s: {what}")


def typed(server, *lines, agent="desk", **more):
    """A conversation in text; its id."""
    call = Call(server, agent, **more)
    call.wait("agent")
    for line in lines:
        call.session.send_user_message(line)
        call.wait("agent")
    return call.close()


def done(server, conversation):
    """The conversation, once it was looked at."""
    def look():
        found = convai(server.client()).conversations.get(conversation)
        return found if found.status in ("done", "failed") else None
    return until(look, f"{conversation} is done")


class Records(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Home()
        cls.addClassCleanup(cls.server.close)

    def conversations(self):
        return convai(self.server.client()).conversations

    def refused(self, status, code, work):
        with self.assertRaises(ApiError) as raised:
            work()
        self.assertEqual(raised.exception.status_code, status)
        body = raised.exception.body
        detail = body["detail"] if isinstance(body, dict) else body.detail
        detail = detail if isinstance(detail, dict) else detail.__dict__
        self.assertEqual(detail["code"], code)
        self.assertTrue(detail["message"])

    def test_a_conversation_is_found_again_with_its_turns_and_tools(self):
        before = int(time.time()) - 1
        conversation = typed(self.server, "When do you open?", "where is my order",
                             tools={"find_order": lambda parameters: {"status": "arrives on friday"}}, user_id="anna")
        found = done(self.server, conversation)
        self.assertEqual(found.status, "done")
        self.assertEqual(found.agent_id, "desk")
        self.assertEqual(found.user_id, "anna")
        said = [(item.role, item.message) for item in found.transcript]
        self.assertEqual(said[0], ("agent", "Hello, this is the desk. How can I help you?"))
        self.assertEqual(said[1], ("user", "When do you open?"))
        self.assertIn("nine in the morning", said[2][1])
        calls = [call for item in found.transcript for call in item.tool_calls or []]
        self.assertEqual([call.tool_name for call in calls], ["find_order"])
        self.assertEqual(json.loads(calls[0].params_as_json)["order"], "seven")
        results = [result for item in found.transcript for result in item.tool_results or []]
        self.assertIn("friday", results[0].result_value)
        self.assertFalse(results[0].is_error)
        times = [item.time_in_call_secs for item in found.transcript]
        self.assertEqual(times, sorted(times))
        self.assertGreaterEqual(found.metadata.start_time_unix_secs, before)
        self.assertFalse(found.has_audio)

    def test_an_agent_whose_script_cannot_judge_says_so(self):
        found = done(self.server, typed(self.server, "When do you open?"))
        self.assertEqual(found.analysis.call_successful, "unknown")
        self.assertIn("Not judged", found.analysis.transcript_summary)

    def test_lists_come_in_pages_and_can_be_narrowed(self):
        user = f"pages{time.monotonic_ns()}"
        made = [typed(self.server, "When do you open?", user_id=user) for _ in range(3)]
        for conversation in made:
            done(self.server, conversation)
        seen, cursor = [], None
        while True:
            page = self.conversations().list(user_id=user, page_size=2, cursor=cursor)
            seen += [line.conversation_id for line in page.conversations]
            if not page.has_more:
                break
            cursor = page.next_cursor
        self.assertEqual(seen, made[::-1])
        count = lambda **query: len(self.conversations().list(user_id=user, **query).conversations)
        self.assertEqual(count(agent_id="desk"), 3)
        self.assertEqual(count(agent_id="strict"), 0)
        self.assertEqual(count(call_successful="unknown"), 3)
        self.assertEqual(count(call_successful="success"), 0)
        self.assertEqual(count(call_start_after_unix=int(time.time()) - 600), 3)
        self.assertEqual(count(call_start_before_unix=int(time.time()) - 600), 0)
        self.assertEqual(count(search="do you open"), 3)
        self.refused(400, "invalid_page_size", lambda: self.conversations().list(page_size=0))
        self.refused(400, "invalid_cursor", lambda: self.conversations().list(cursor="conv_nowhere"))

    def test_what_was_said_is_found_again(self):
        user = f"search{time.monotonic_ns()}"
        word = f"tandem{time.monotonic_ns()}"
        asked = (f"Do you sell purple {word}?", f"Do you sell {word}?", "When do you open?")
        made = [typed(self.server, text, user_id=user) for text in asked]
        for conversation in made:
            done(self.server, conversation)
        place = self.conversations().messages
        exact, smart = place.text_search, getattr(place, "search", None) or place.smart_search
        found = exact(text_query=f"SELL {word}", user_id=user)
        self.assertEqual([(one.conversation_id, one.chunk_text) for one in found.results], [(made[1], asked[1])])
        self.assertEqual([part.value for part in found.results[0].chunk_highlights if part.is_hit], [f"sell {word}"])
        found = smart(text_query=f"who wanted a purple {word}?")
        self.assertEqual([one.conversation_id for one in found.results][:2], [made[0], made[1]])
        self.assertGreater(found.results[0].score, found.results[1].score)
        first = smart(text_query=f"purple {word}", page_size=1)
        second = smart(text_query=f"purple {word}", page_size=1, cursor=first.next_cursor)
        self.assertEqual([first.results[0].conversation_id, second.results[0].conversation_id], [made[0], made[1]])
        self.assertEqual(exact(text_query="zebra", user_id=user).results, [])
        self.refused(400, "invalid_cursor", lambda: smart(text_query="x", cursor="y"))
        count = lambda **query: len(self.conversations().list(user_id=user, **query).conversations)
        self.assertEqual((count(), count(tag_ids=["tag_1"]), count(topic_ids=["topic_1"])), (3, 0, 0))

    def test_what_is_not_here_is_said_in_the_documented_body(self):
        client = self.server.client()
        for ask in (lambda: client.history.list(), lambda: client.pronunciation_dictionaries.list(),
                    lambda: convai(client).phone_numbers.list(), lambda: convai(client).batch_calls.list(),
                    lambda: convai(client).mcp_servers.list(), lambda: client.voices.delete("rms"),
                    lambda: self.conversations().get(typed(self.server, "hello"), format="opentelemetry")):
            self.refused(501, "feature_not_available", ask)
        # The third generation has it no more.
        if hasattr(client, "usage"):
            self.refused(501, "feature_not_available", lambda: client.usage.get(start_unix=0, end_unix=1))

    def test_a_picture_that_is_shown_reaches_the_llm(self):
        if not hasattr(house.sdk.Conversation, "send_multimodal_message"):
            self.skipTest("this generation cannot show anything")
        from test_abilities import Web, chunk
        picture = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==")

        def see(request):
            """An llm that looks: it says how large the picture in the last message is."""
            parts = json.loads(request["body"])["messages"][-1]["content"]
            if isinstance(parts, str):
                text = "Show me."
            else:
                kind, data = next(part["image_url"]["url"] for part in parts if part["type"] == "image_url").split(";base64,")
                said = " ".join(part["text"] for part in parts if part["type"] == "text")
                raw = base64.b64decode(data)
                width, height = int.from_bytes(raw[16:20], "big"), int.from_bytes(raw[20:24], "big")
                text = f"To {said!r}: a {kind} of {width} by {height}, {len(raw)} bytes."
            end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
            return 200, "text/event-stream", chunk({"content": text}) + f"data: {json.dumps(end)}\n\ndata: [DONE]\n\n"

        llm = Web(see)
        self.addCleanup(llm.stop)
        agent = agents(self.server.client()).create(name="Looker", conversation_config={"agent": {"first_message": "Hello.", "prompt": {
            "prompt": "You look.", "llm": "custom-llm", "custom_llm": {"url": f"http://{llm.address}/v1", "model_id": "eyes"}}},
            "conversation": {"text_only": True}}).agent_id
        call = Call(self.server, agent)
        try:
            call.wait("agent")
            conversation = until(lambda: getattr(call.session, "_conversation_id", None), "the conversation's id")
            file = self.conversations().files.create(conversation, file=("dot.png", picture, "image/png"))
            call.session.send_multimodal_message(text="What is this?", file_id=file.file_id)
            seen = call.wait("agent", lambda text: "by" in text)
        finally:
            call.close()
        self.assertEqual(seen, f"To 'What is this?': a data:image/png of 1 by 1, {len(picture)} bytes.")

    def test_feedback_is_kept(self):
        conversation = typed(self.server, "When do you open?")
        done(self.server, conversation)
        self.conversations().feedback.create(conversation, feedback="like")
        found = self.conversations().get(conversation)
        self.assertEqual(found.metadata.feedback.overall_score, "like")

    def test_a_deleted_conversation_is_gone(self):
        conversation = typed(self.server, "When do you open?")
        done(self.server, conversation)
        self.conversations().delete(conversation)
        self.refused(404, "conversation_not_found", lambda: self.conversations().get(conversation))
        self.refused(404, "conversation_not_found", lambda: self.conversations().delete(conversation))

    def test_files_belong_to_a_conversation_under_way(self):
        call = Call(self.server)
        call.wait("agent")
        call.session.send_user_message("When do you open?")
        call.wait("agent")
        conversation = until(lambda: getattr(call.session, "_conversation_id", None), "the conversation's id")
        file = self.conversations().files.create(conversation, file=("note.txt", b"a note", "text/plain"))
        self.assertTrue(file.file_id)
        self.conversations().files.delete(conversation, file.file_id)
        self.refused(404, "file_not_found", lambda: self.conversations().files.delete(conversation, file.file_id))
        self.refused(409, "conflict", lambda: self.conversations().delete(conversation))
        call.close()
        done(self.server, conversation)
        self.refused(409, "conflict",
                     lambda: self.conversations().files.create(conversation, file=("late.txt", b"x", "text/plain")))

    def test_sound_is_kept_in_stereo(self):
        line = Line()
        call = Call(self.server, line=line)
        call.wait("agent")
        call.hear_out()
        line.say(speech("When do you open?"))
        call.wait("agent")
        call.hear_out()
        conversation = call.close()
        found = done(self.server, conversation)
        self.assertTrue(found.has_audio and found.has_user_audio and found.has_response_audio)
        sound = b"".join(self.conversations().audio.get(conversation))
        rate, channels, frames = house.unpack_mp3(sound)
        self.assertEqual((rate, channels), (44_100, 2))
        self.assertGreater(len(frames) / 4 / rate, 3)
        caller, agent = (house.transcript(house.channel(frames, 2, index), rate) for index in (0, 1))
        self.assertGreater(house.share_of("how can i help you", agent), 0.5, agent)
        self.assertGreater(house.share_of("when do you open", caller), 0.5, caller)
        url = f"{self.server.url}/v1/convai/conversations/{conversation}/audio"
        for request, kind in ((url, "audio/mpeg"), (f"{url}?format=wav", "audio/wav"),
                              (urllib.request.Request(url, headers={"Accept": "audio/wav"}), "audio/wav")):
            with urllib.request.urlopen(request) as answer:
                self.assertEqual(answer.headers["content-type"], kind)
                got = answer.read()
        with wave.open(io.BytesIO(got)) as recording:
            self.assertEqual(recording.getnchannels(), 2)
            whole = recording.readframes(recording.getnframes())
        self.assertLess(len(sound), len(whole) * 0.6)
        self.assertAlmostEqual(len(whole) / 4 / house.RATE, len(frames) / 4 / rate, delta=0.2)
        left = memoryview(whole).cast("h")[::2]
        self.assertTrue(any(left), "the caller is on the left")

    def test_a_conversation_in_text_has_no_sound(self):
        conversation = typed(self.server, "When do you open?")
        done(self.server, conversation)
        self.refused(404, "file_not_found", lambda: b"".join(self.conversations().audio.get(conversation)))

    def test_a_signed_url_is_given(self):
        signed = self.conversations().get_signed_url(agent_id="desk")
        self.assertIn("agent_id=desk", signed.signed_url)

    def test_the_account_is_this_machine(self):
        client = self.server.client()
        user = client.user.get()
        self.assertTrue(user.user_id)
        subscription = client.user.subscription.get()
        self.assertEqual(subscription.status, "active")
        self.assertLess(subscription.character_count, subscription.character_limit)
        models = client.models.list()
        self.assertTrue(any(model.can_do_text_to_speech for model in models))


class ZeroRetention(unittest.TestCase):
    SECRET = "the violet umbrella"

    def nothing_of_it(self, server):
        server.stop()
        for place, _, names in os.walk(f"{server.folder.name}/data"):
            for name in names:
                with open(os.path.join(place, name), "rb") as file:
                    self.assertNotIn(self.SECRET.encode(), file.read(), name)

    def test_an_agent_that_keeps_nothing_leaves_nothing(self):
        server = Home()
        self.addCleanup(server.close)
        client = server.client()
        listener = Listener()
        self.addCleanup(listener.shutdown)
        made = client.webhooks.create(settings={"auth_type": "hmac", "name": "all", "webhook_url": listener.url})
        convai(client).settings.update(webhooks={"post_call_webhook_id": made.webhook_id, "events": ["transcript"]})
        agent = agents(client).create(
            name="Forgetful", conversation_config={"agent": {"first_message": "Hello."}},
            platform_settings={"privacy": {"zero_retention_mode": True}}).agent_id
        conversation = typed(server, self.SECRET, agent=agent)
        self.assertEqual(convai(client).conversations.list().conversations, [])
        with self.assertRaises(ApiError):
            convai(client).conversations.get(conversation)
        self.nothing_of_it(server)
        self.assertEqual(listener.came, [])

    def test_a_server_that_keeps_nothing_wins_over_its_agents(self):
        server = Home(ENABLE_LOGGING="false")
        self.addCleanup(server.close)
        typed(server, self.SECRET)
        self.assertEqual(convai(server.client()).conversations.list().conversations, [])
        self.nothing_of_it(server)


class Afterwards(unittest.TestCase):
    def setUp(self):
        self.server = Home()
        self.addCleanup(self.server.close)
        self.listener = Listener()
        self.addCleanup(self.listener.shutdown)

    def hook(self, events):
        client = self.server.client()
        made = client.webhooks.create(settings={"auth_type": "hmac", "name": "reports", "webhook_url": self.listener.url})
        convai(client).settings.update(webhooks={"post_call_webhook_id": made.webhook_id, "events": events})
        return made

    def event(self, made, index=0):
        _, headers, body = self.listener.came[index]
        headers = {name.lower(): value for name, value in headers.items()}
        client = self.server.client()
        event = client.webhooks.construct_event(body.decode(), headers["elevenlabs-signature"], made.webhook_secret)
        return event, headers["duologue-delivery"]

    def test_webhooks_are_made_changed_and_deleted(self):
        client = self.server.client()
        made = self.hook(["transcript"])
        self.assertTrue(made.webhook_secret)
        shown = client.webhooks.list(include_usages=True).webhooks
        self.assertEqual([(hook.name, hook.is_disabled) for hook in shown], [("reports", False)])
        self.assertNotIn(made.webhook_secret, str(shown))
        client.webhooks.update(made.webhook_id, is_disabled=True, name="quiet")
        shown = client.webhooks.list().webhooks[0]
        self.assertEqual((shown.name, shown.is_disabled), ("quiet", True))
        self.assertEqual(convai(client).settings.get().webhooks.post_call_webhook_id, made.webhook_id)
        client.webhooks.delete(made.webhook_id)
        self.assertEqual(client.webhooks.list().webhooks, [])
        with self.assertRaises(ApiError) as raised:
            client.webhooks.delete(made.webhook_id)
        self.assertEqual(raised.exception.status_code, 404)

    def test_the_transcript_is_told_signed_and_is_what_rest_shows(self):
        made = self.hook(["transcript"])
        conversation = typed(self.server, "When do you open?")
        until(lambda: self.listener.came, "a webhook")
        event, _ = self.event(made)
        self.assertEqual(event["type"], "post_call_transcription")
        self.assertEqual(event["data"]["conversation_id"], conversation)
        self.assertEqual(event["data"]["status"], "done")
        self.assertEqual(event["data"]["transcript"][1]["message"], "When do you open?")
        self.assertIn("analysis", event["data"])

    def test_what_was_refused_comes_again_under_the_same_id(self):
        self.listener.refuse = 2
        made = self.hook(["transcript"])
        typed(self.server, "When do you open?")
        until(lambda: len(self.listener.came) == 3, "three tries", 30)
        tries = [self.event(made, index) for index in range(3)]
        self.assertEqual(len({delivery for _, delivery in tries}), 1)
        self.assertEqual(len({body for _, _, body in self.listener.came}), 1)

    def test_sound_is_told_in_chunks(self):
        made = self.hook(["audio"])
        line = Line()
        call = Call(self.server, line=line)
        call.wait("agent")
        call.hear_out()
        conversation = call.close()
        until(lambda: self.listener.came, "a webhook")
        event, _ = self.event(made)
        self.assertEqual(event["type"], "post_call_audio")
        self.assertEqual(set(event["data"]), {"agent_id", "conversation_id", "full_audio"})
        self.assertEqual(event["data"]["conversation_id"], conversation)
        sound = base64.b64decode(event["data"]["full_audio"])
        rate, channels, samples = house.unpack_mp3(sound)
        self.assertEqual(channels, 2)
        self.assertGreater(len(samples) / 4, rate)
        headers = {name.lower(): value for name, value in self.listener.came[0][1].items()}
        self.assertEqual(headers.get("transfer-encoding"), "chunked")

    def test_an_llm_judges_the_conversation(self):
        model = Model()
        self.addCleanup(model.shutdown)
        client = self.server.client()
        agent = agents(client).create(
            name="Painter",
            conversation_config={"agent": {"first_message": "Which colour?", "prompt": {
                "prompt": "Ask for a colour.", "llm": "custom-llm",
                "custom_llm": {"url": model.url, "model_id": "tiny"}}}},
            platform_settings={
                "evaluation": {"criteria": [
                    {"id": "polite", "name": "Politeness", "type": "prompt", "conversation_goal_prompt": "Was it polite?"}]},
                "data_collection": {"colour": {"type": "string", "description": "The colour they chose"}},
            }).agent_id
        conversation = typed(self.server, "Blue, I like blue.", agent=agent)
        found = done(self.server, conversation)
        self.assertEqual(model.wrong, [])
        self.assertEqual(found.analysis.call_successful, "success")
        self.assertEqual(found.analysis.transcript_summary, "The user chose a colour.")
        self.assertEqual(found.analysis.evaluation_criteria_results["polite"].result, "success")
        self.assertEqual(found.analysis.data_collection_results["colour"].value, "blue")
        self.assertIn("user: Blue, I like blue.", model.judged[0])
        conversations = convai(client).conversations
        named = conversations.list(evaluation_params=["polite:success"], data_collection_params=["colour:eq:blue"])
        self.assertEqual([line.conversation_id for line in named.conversations], [conversation])
        self.assertEqual(conversations.list(data_collection_params=["colour:eq:red"]).conversations, [])

    def test_everything_survives_a_kill(self):
        made = self.hook(["transcript"])
        client = self.server.client()
        agent = agents(client).create(
            name="Lasting", conversation_config={"agent": {"first_message": "Hello."}}).agent_id
        call = Call(self.server)
        call.wait("agent")
        call.session.send_user_message("When do you open?")
        call.wait("agent")
        conversation = until(lambda: getattr(call.session, "_conversation_id", None), "the conversation's id")
        self.assertEqual(len(convai(client).conversations.get(conversation).transcript), 3)
        self.server.restart(signal.SIGKILL)
        call.session.end_session()
        client = self.server.client()
        self.assertEqual(agents(client).get(agent).name, "Lasting")
        self.assertEqual(client.webhooks.list().webhooks[0].webhook_id, made.webhook_id)
        found = done(self.server, conversation)
        self.assertEqual(found.status, "failed")
        self.assertEqual(found.transcript[1].message, "When do you open?")
        until(lambda: self.listener.came, "a webhook")
        event, _ = self.event(made)
        self.assertEqual(event["data"]["conversation_id"], conversation)


if __name__ == "__main__":
    unittest.main()
