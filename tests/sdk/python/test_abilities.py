"""Webhook tools, documents and secrets through the SDK, with web servers and a thinking llm on real sockets."""

import http.server
import json
import re
import threading
import unittest

import house
from house import Call, Case, Line

from elevenlabs.core.api_error import ApiError

HOURS = "# Opening hours\n\nThe workshop is open from nine to six. On Saturdays it closes at noon.\n\n# Prices\n\nA new chain costs thirty euros."


class Web:
    """A web server on a free port; `answer` is given every request and gives status and body."""

    def __init__(self, answer):
        self.seen = []
        web = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def respond(self):
                length = int(self.headers.get("Content-Length", 0))
                request = {"method": self.command, "path": self.path, "headers": {name.lower(): value for name, value in self.headers.items()},
                           "body": self.rfile.read(length).decode()}
                web.seen.append(request)
                status, kind, body = answer(request)
                body = body.encode()
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = respond

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def chunk(delta):
    return "data: " + json.dumps({"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}) + "\n\n"


def words(text):
    return set(re.findall(r"[a-z]{3,}", text.lower()))


def think(request):
    """An llm of few lines that reads: of the tools it is offered it takes the one whose description shares most words with
    what the user said, and fills in what it is asked for; it repeats what a tool answered."""
    body = json.loads(request["body"])
    assert request["path"] == "/v1/chat/completions" and body["stream"] is True, request
    last = body["messages"][-1]
    if last["role"] == "tool":
        delta = {"content": f"I found this: {last['content']}"}
    elif last["role"] != "user":
        delta = {"content": "Are you still there?"}
    else:
        said = last["content"]
        best = max(body.get("tools", []), default=None,
                   key=lambda tool: len(words(tool["function"]["description"]) & words(said)))
        shared = words(best["function"]["description"]) & words(said) if best else set()
        if best and shared:
            arguments = {name: (said if schema.get("type") == "string" else int(re.search(r"\d+", said + " 1").group()))
                         for name, schema in best["function"]["parameters"].get("properties", {}).items()}
            delta = {"tool_calls": [{"index": 0, "id": "c1", "type": "function",
                                     "function": {"name": best["function"]["name"], "arguments": json.dumps(arguments)}}]}
        else:
            delta = {"content": "I can look things up and call the stock room."}
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    return 200, "text/event-stream", chunk(delta) + f"data: {json.dumps(end)}\n\ndata: [DONE]\n\n"


def stock(request):
    if request["path"].startswith("/page"):
        return 200, "text/html", "<title>Returns</title><h1>Returns</h1><p>Bring it back within thirty days.</p>"
    if request["headers"].get("x-key") != "k-77":
        return 401, "application/json", "{}"
    return 200, "application/json", '{"item":"chain","left":4,"token":"t-1"}'


class Abilities(Case):
    @classmethod
    def setUpClass(cls):
        cls.llm, cls.web = Web(think), Web(stock)
        cls.addClassCleanup(cls.llm.stop)
        cls.addClassCleanup(cls.web.stop)
        cls.environment = {"ALLOWED_PRIVATE_HOSTS": cls.web.address}
        super().setUpClass()

    def setUp(self):
        self.client = self.server.client()
        self.agents = getattr(self.client, "conversational_ai", None) or self.client.agents
        self.documents = self.agents.knowledge_base.documents

    def secret(self, name, value):
        return self.agents.secrets.create(name=name, value=value).secret_id

    def agent(self, prompt, **more):
        config = {"agent": {"first_message": "Hello.", "language": "en", "prompt": {
            "prompt": "You serve the workshop.", "llm": "custom-llm",
            "custom_llm": {"url": f"http://{self.llm.address}/v1", "model_id": "tiny"}, **prompt}}, **more}
        create = getattr(getattr(self.agents, "agents", None), "create", None) or self.agents.create
        return create(conversation_config=config, name="Workshop").agent_id

    def stock_tool(self, secret):
        return {"type": "webhook", "name": "stock", "description": "Asks the warehouse how many pieces are left.",
                "assignments": [{"source": "response", "dynamic_variable": "secret__token", "value_path": "token", "sanitize": True}],
                "api_schema": {"url": f"http://{self.web.address}/stock/{{{{shop}}}}", "method": "GET",
                               "query_params_schema": {"properties": {
                                   "item": {"type": "string", "description": "What the user asks for."},
                                   "unit": {"type": "string", "constant_value": "pieces"}}, "required": ["item"]},
                               "request_headers": {"X-Key": {"secret_id": secret}}}}

    def ask(self, call, question, wanted):
        """Asks aloud, and again as people do when they were not understood, which happens on a busy machine."""
        for patience in (12, 12, house.PATIENCE):
            call.line.say(house.speech(question))
            try:
                return call.wait("agent", lambda text: wanted in text, patience)
            except AssertionError as error:
                missing = error
                call.hear_out()
        raise missing

    def test_a_secret_is_never_shown_and_cannot_be_deleted_under_its_user(self):
        secret = self.secret("Stock key", "k-77")
        tool = self.agents.tools.create(request={"tool_config": self.stock_tool(secret)})
        listed = next(one for one in self.agents.secrets.list().secrets if one.secret_id == secret)
        self.assertEqual((listed.name, [user.id for user in listed.used_by.tools]), ("Stock key", [tool.id]))
        self.assertNotIn("k-77", str(self.agents.secrets.list()))
        with self.assertRaises(ApiError) as caught:
            self.agents.secrets.delete(secret)
        self.assertEqual(caught.exception.status_code, 409)
        self.agents.tools.delete(tool.id)
        self.agents.secrets.delete(secret)
        self.assertNotIn(secret, [one.secret_id for one in self.agents.secrets.list().secrets])

    def test_a_spoken_question_is_answered_by_a_web_server_and_by_a_document(self):
        secret = self.secret("Key of the stock room", "k-77")
        tool = self.agents.tools.create(request={"tool_config": self.stock_tool(secret)})
        document = self.documents.create_from_text(text=HOURS, name="Leaflet")
        agent = self.agent({"tool_ids": [tool.id], "knowledge_base": [
            {"type": "text", "id": document.id, "name": document.name, "usage_mode": "auto"}]})
        line = Line()
        call = Call(self.server, agent, line=line, config=house.sdk.ConversationInitiationData(dynamic_variables={"shop": "north"}))
        try:
            call.wait("agent")
            call.hear_out()
            found = self.ask(call, "how many are left in the warehouse", '"left":4')
            self.assertNotIn("t-1", found, "what is sanitised is not shown")
            call.hear_out()
            found = self.ask(call, "find the saturday hours in the documents", "closes at noon")
            self.assertIn(f"{document.id}:0", found, "the passage is cited")
        finally:
            call.close()
        request = next(request for request in self.web.seen if request["path"].startswith("/stock"))
        self.assertEqual(request["method"], "GET")
        self.assertRegex(request["path"], r"^/stock/north\?item=[^&]+&unit=pieces$")
        read = [json.loads(request["body"])["messages"] for request in self.llm.seen]
        self.assertTrue(any("# Leaflet" in str(messages) and "noon" in str(messages) for messages in read),
                        "what fits is read before the llm answers")

    def test_a_typed_question_meets_a_web_server_that_is_out_of_bounds(self):
        tool = {"type": "webhook", "name": "inside", "description": "Asks the secret stock room.",
                "api_schema": {"url": f"http://{self.llm.address}/stock", "method": "GET"}}
        agent = self.agent({"tools": [tool]}, conversation={"text_only": True})
        before = len(self.llm.seen)
        call = Call(self.server, agent)
        try:
            call.wait("agent")
            call.session.send_user_message("ask the secret stock room")
            self.assertIn("private network", call.wait("agent"))
        finally:
            call.close()
        self.assertFalse([request for request in self.llm.seen[before:] if request["path"] == "/stock"])

    def test_documents_come_and_go(self):
        folder = self.documents.create_folder(name="Manuals")
        text = self.documents.create_from_text(text=HOURS, name="Hours", parent_folder_id=folder.id)
        file = self.documents.create_from_file(file=("notes.md", b"# Tyres\n\nA tyre needs four bar.", "text/markdown"))
        page = self.documents.create_from_url(url=f"http://{self.web.address}/page")
        self.assertEqual((file.name, page.name), ("notes.md", "Returns"))
        self.assertIn("thirty days", str(self.documents.get_content(page.id)))
        shown = self.documents.get(text.id)
        self.assertEqual((shown.name, shown.folder_parent_id), ("Hours", folder.id))
        first = self.agents.knowledge_base.list(page_size=1)
        self.assertTrue(first.has_more)
        listed = self.agents.knowledge_base.list(page_size=100, types=["text", "file", "url"])
        self.assertLessEqual({text.id, file.id, page.id}, {one.id for one in listed.documents})
        inside = self.agents.knowledge_base.list(parent_folder_id=folder.id)
        self.assertEqual([one.id for one in inside.documents], [text.id])
        chunk = self.documents.chunk.get(text.id, f"{text.id}:0")
        self.assertIn("nine to six", chunk.content)
        self.documents.update(text.id, name="Opening")
        self.assertEqual(self.documents.get(text.id).name, "Opening")
        index = self.agents.knowledge_base.document.compute_rag_index(text.id, model="multilingual_e5_large_instruct")
        self.assertEqual(index.status, "succeeded")
        agent = self.agent({"knowledge_base": [{"type": "text", "id": text.id, "name": "Opening"}]})
        self.assertEqual([one.id for one in self.documents.get_agents(text.id).agents], [agent])
        with self.assertRaises(ApiError) as caught:
            self.documents.delete(text.id)
        self.assertEqual(caught.exception.status_code, 409)
        for document in (text, file, page):
            self.documents.delete(document.id, force=True)
            with self.assertRaises(ApiError) as caught:
                self.documents.get(document.id)
            self.assertEqual((caught.exception.status_code, caught.exception.body["detail"]["code"]), (404, "document_not_found"))

    def test_files_that_cannot_be_read_are_refused(self):
        for name, content, media in (("song.mp3", b"ID3", "audio/mpeg"), ("broken.pdf", b"%PDF-1.4 nothing", "application/pdf"),
                                     ("empty.txt", b" ", "text/plain"), ("odd.docx", b"PK", None)):
            with self.assertRaises(ApiError) as caught:
                self.documents.create_from_file(file=(name, content, media) if media else (name, content))
            self.assertEqual((caught.exception.status_code, caught.exception.body["detail"]["code"]), (400, "invalid_file_type"), name)
        with self.assertRaises(ApiError) as caught:
            self.documents.create_from_url(url=f"http://{self.llm.address}/")
        self.assertIn("private network", caught.exception.body["detail"]["message"])

    def test_the_script_of_an_agent_without_an_llm_answers_from_documents(self):
        document = self.documents.create_from_text(text=HOURS, name="Leaflet")
        create = getattr(getattr(self.agents, "agents", None), "create", None) or self.agents.create
        agent = create(name="Desk", conversation_config={"agent": {"first_message": "Hello.", "prompt": {
            "prompt": "You are the desk.", "knowledge_base": [{"type": "text", "id": document.id, "name": "Leaflet"}]}},
            "conversation": {"text_only": True}}).agent_id
        call = Call(self.server, agent)
        try:
            call.wait("agent")
            call.session.send_user_message("how much is a new chain?")
            self.assertIn("thirty euros", call.wait("agent"))
        finally:
            call.close()

    def test_an_agent_talks_with_a_simulated_user(self):
        simulate = getattr(getattr(self.agents, "agents", None), "simulate_conversation", None)
        if simulate is None:
            self.skipTest("this generation has no simulated conversations")
        agent = self.agent({"tools": [self.stock_tool("none")]})
        held = simulate(agent, simulation_specification={
            "simulated_user_config": {"first_message": "how many are left in the warehouse", "language": "en",
                                      "prompt": {"prompt": "You want a chain.", "llm": "gpt-4o"}},
            "tool_mock_config": {"stock": {"default_return_value": "There are ninety.", "default_is_error": False}},
            "dynamic_variables": {"shop": "north"}}, new_turns_limit=1)
        said = [(turn.role, turn.message) for turn in held.simulated_conversation]
        self.assertEqual(said[:2], [("agent", "Hello."), ("user", "how many are left in the warehouse")])
        self.assertIn("There are ninety.", said[2][1])
        self.assertEqual(held.simulated_conversation[2].tool_results[0].result_value, "There are ninety.")

    def test_a_page_may_show_a_public_agent(self):
        agent = self.agent({})
        place = self.agents if hasattr(self.agents, "widget") else self.agents.agents
        widget = place.widget.get(agent)
        self.assertEqual((widget.agent_id, widget.widget_config.language, widget.widget_config.first_message, widget.widget_config.use_rtc),
                         (agent, "en", "Hello.", False))
        link = place.link.get(agent)
        self.assertEqual((link.agent_id, link.token), (agent, None))

    def test_mocked_tools_answer_without_running(self):
        secret = self.secret("Key for mocks", "k-77")
        tool = self.agents.tools.create(request={"tool_config": self.stock_tool(secret), "response_mocks": [
            {"mock_result": "There are ninety.", "parameter_conditions": []}]})
        agent = self.agent({"tool_ids": [tool.id]}, conversation={"text_only": True})
        before = len(self.web.seen)
        from websockets.sync.client import connect
        with connect(self.server.socket_url(f"?agent_id={agent}")) as socket:
            socket.send(json.dumps({"type": "conversation_initiation_client_data", "dynamic_variables": {"shop": "x"},
                                    "tool_mock_config": {"mocking_strategy": "all"}}))
            socket.send(json.dumps({"type": "user_message", "text": "how many are left in the warehouse?"}))
            while True:
                message = json.loads(socket.recv(timeout=house.PATIENCE))
                said = message.get("agent_response_event", {}).get("agent_response", "Hello.")
                if said != "Hello.":
                    break
        self.assertIn("There are ninety.", message["agent_response_event"]["agent_response"])
        self.assertEqual(len(self.web.seen), before)


if __name__ == "__main__":
    unittest.main()
