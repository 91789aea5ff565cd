"""Tests of agents and simulated conversations through the SDK, with an llm on a real socket that reads what it is told."""

import json
import re
import time
import unittest

import house
from test_abilities import Web, chunk, words
from test_records import Home, agents, convai

from elevenlabs.core.api_error import ApiError


def last_reply(transcript):
    lines = [line for line in transcript.splitlines() if line.startswith("agent: ")]
    return lines[-1] if lines else ""


def reader(request):
    """An llm of few lines: judges by the words in quotes, plays users who say what is in their brackets, and else answers, with
    the tool whose description shares most words with what it was told last."""
    body = json.loads(request["body"])
    system = body["messages"][0]["content"] if body["messages"][0]["role"] == "system" else ""
    last = body["messages"][-1]
    offered = body.get("tools", [])
    if system.startswith("You judge one argument"):
        wanted = re.search(r"'(\w+)'", last["content"]).group(1)
        met = wanted in last["content"].split("Value of")[1]
        delta = {"content": json.dumps({"result": "success" if met else "failure", "rationale": f"It should say {wanted}."})}
    elif system.startswith("You judge a conversation"):
        ids = re.findall(r"^- (\w+):", system, re.M)
        delta = {"content": json.dumps({"title": "A talk", "summary": "They talked.", "call_successful": "success", "criteria": {
            name: {"result": "success" if name in last["content"] else "failure", "rationale": "The word counts."} for name in ids}})}
    elif system.startswith("You judge"):
        wanted = re.search(r"Condition:.*?'([^']+)'", last["content"]).group(1)
        read = last["content"].split("Conversation:\n")[1]
        read = last_reply(read) if "a reply" in system else read
        met = wanted in read
        delta = {"content": "Here: " + json.dumps({"result": "success" if met else "failure", "rationale": f"Looked for {wanted}."})}
    elif "You play the user" in system:
        lines = re.findall(r"\[([^\]]+)\]", system.split("You play the user")[0])
        said = sum(message["role"] == "assistant" for message in body["messages"])
        delta = {"content": lines[said] if said < len(lines) else "[END]"}
    elif last["role"] == "tool":
        delta = {"content": f"I found this: {last['content']}"}
    else:
        best = max(offered, default=None, key=lambda tool: len(words(tool["function"]["description"]) & words(last["content"])))
        if best and words(best["function"]["description"]) & words(last["content"]):
            names = best["function"]["parameters"].get("properties", {})
            arguments = {name: last["content"].split()[-1].strip("?.") for name in names}
            delta = {"tool_calls": [{"index": 0, "id": "c1", "type": "function",
                                     "function": {"name": best["function"]["name"], "arguments": json.dumps(arguments)}}]}
        else:
            heard = [message["content"] for message in body["messages"] if message["role"] == "user"]
            delta = {"content": f"That makes {len(heard)} questions, the first about {heard[0].split()[-1].strip('?.')}."}
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    return 200, "text/event-stream", chunk(delta) + f"data: {json.dumps(end)}\n\ndata: [DONE]\n\n"


def said(role, message):
    return {"role": role, "message": message, "time_in_call_secs": 0}


class Workshop(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.llm = Web(reader)
        cls.addClassCleanup(cls.llm.stop)
        cls.home = Home()
        cls.addClassCleanup(cls.home.close)

    def setUp(self):
        self.client = self.home.client()
        self.tests = convai(self.client).tests
        self.agents = agents(self.client)
        self.tools = convai(self.client).tools

    def agent(self, **prompt):
        custom = {"url": f"http://{self.llm.address}/v1", "model_id": "tiny"}
        return self.agents.create(name="Workshop", conversation_config={"agent": {"first_message": "Hello.", "language": "en", "prompt": {
            "prompt": "You serve the workshop.", "llm": "custom-llm", "custom_llm": custom, **prompt}}}).agent_id


class AgentTests(Workshop):
    def booking(self):
        return self.tools.create(request={"tool_config": {
            "type": "client", "name": "book", "description": "Reserves a table for somebody.", "expects_response": True,
            "parameters": {"type": "object", "properties": {"day": {"type": "string", "description": "The day."}}}}}).id

    def reply_test(self, condition, **more):
        return self.tests.create(request={
            "type": "llm", "name": f"Says {condition}", "success_condition": f"The reply says '{condition}'.",
            "chat_history": [said("user", "Do you know about tyres?"), said("agent", "I do."), said("user", "Brakes too?")],
            "success_examples": [{"type": "success", "response": "Yes."}], "failure_examples": [{"type": "failure", "response": "No."}],
            **more}).id

    def tool_test(self, tool, evaluation, question="Please reserve a table for Monday", **more):
        return self.tests.create(request={
            "type": "tool", "name": "Books", "chat_history": [said("user", question)],
            "tool_call_parameters": {"referenced_tool": {"id": tool, "type": "client"},
                                     "parameters": [{"path": "day", "eval": evaluation}], **more}}).id

    def results(self, invocation, home=None):
        deadline = time.monotonic() + house.PATIENCE
        while time.monotonic() < deadline:
            found = convai((home or self.home).client()).tests.invocations.get(invocation)
            if all(run.status != "pending" for run in found.test_runs):
                return found
            time.sleep(0.05)
        raise AssertionError(f"the runs do not end: {found.test_runs}")

    def run_tests(self, agent, *tests, **more):
        started = self.agents.run_tests(agent, tests=[{"test_id": test} for test in tests], **more)
        self.assertEqual(len(started.test_runs), len(tests) * more.get("repeat_count", 1))
        return self.results(started.id)

    def test_tests_come_and_go_and_survive_a_restart(self):
        folder = self.tests.folders.create(name="Workshop tests")
        inside = self.tests.folders.create(name="Brakes", parent_folder_id=folder.id)
        test = self.reply_test("brakes", parent_folder_id=inside.id)
        shown = self.tests.get(test)
        self.assertEqual((shown.type, shown.id, shown.success_condition, len(shown.chat_history)),
                         ("llm", test, "The reply says 'brakes'.", 3))
        self.home.restart()
        self.client = self.home.client()
        self.tests = convai(self.client).tests
        self.assertEqual(self.tests.get(test).chat_history[2].message, "Brakes too?")
        line = self.tests.summaries(test_ids=[test, "test_none"]).tests
        self.assertEqual((list(line), [step.name for step in line[test].folder_path]), ([test], ["Workshop tests", "Brakes"]))
        self.tests.update(test, request={"type": "llm", "name": "Renamed", "success_condition": "It says 'x'.",
                                         "chat_history": [said("user", "Hi")]})
        self.assertEqual([one.name for one in self.tests.list(search="renam").tests], ["Renamed"])
        self.assertEqual([one.id for one in self.tests.list(parent_folder_id=inside.id).tests], [test])
        self.assertEqual([one.type for one in self.tests.list(parent_folder_id="root", types=["folder"]).tests], ["folder"])
        self.tests.move(entity_ids=[test], move_to=None)
        self.assertEqual(self.tests.folders.get(inside.id).children_count, 0)
        self.tests.folders.update(inside.id, name="Stopping")
        with self.assertRaises(ApiError) as caught:
            self.tests.folders.delete(folder.id)
        self.assertEqual(caught.exception.status_code, 409)
        self.tests.folders.delete(folder.id, force=True)
        self.tests.delete(test)
        for gone in (lambda: self.tests.get(test), lambda: self.tests.folders.get(inside.id)):
            with self.assertRaises(ApiError) as caught:
                gone()
            self.assertEqual((caught.exception.status_code, caught.exception.body["detail"]["type"]), (404, "not_found"))

    def test_what_is_no_test_is_refused(self):
        good = {"type": "llm", "name": "n", "success_condition": "c", "chat_history": [said("user", "Hi")]}
        for change, status in (({"name": ""}, 422), ({"success_condition": None}, 422), ({"chat_history": []}, 400),
                               ({"chat_history": [said("agent", "Hi")]}, 400), ({"type": "guess"}, 400), ({"type": "tool"}, 422),
                               ({"type": "simulation"}, 422), ({"parent_folder_id": "none"}, 404)):
            with self.assertRaises(ApiError) as caught:
                self.tests.create(request={**good, **change})
            self.assertEqual((caught.exception.status_code, "message" in caught.exception.body["detail"]), (status, True), change)

    def test_a_reply_is_judged_with_what_was_said_before(self):
        agent = self.agent()
        good, bad = self.reply_test("2 questions, the first about tyres"), self.reply_test("three")
        done = self.run_tests(agent, good, bad)
        passed, failed = done.test_runs
        self.assertEqual((passed.status, passed.condition_result.result, passed.test_id), ("passed", "success", good))
        self.assertEqual([turn.message for turn in passed.agent_responses if turn.role == "agent"],
                         ["That makes 2 questions, the first about tyres."])
        self.assertEqual((failed.status, failed.condition_result.rationale.summary), ("failed", "Looked for three."))
        self.assertEqual((passed.test_info.type, passed.metadata.test_type), ("llm", "llm"))
        listed = self.tests.invocations.list(agent_id=agent).results
        self.assertEqual([(one.id, one.passed_count, one.failed_count, one.pending_count) for one in listed], [(done.id, 1, 1, 0)])
        self.assertEqual(convai(self.client).conversations.list(agent_id=agent).conversations, [], "nothing is kept of it")

    def test_a_call_is_compared_and_no_tool_runs(self):
        tool = self.booking()
        agent = self.agent(tool_ids=[tool])
        done = self.run_tests(
            agent,
            self.tool_test(tool, {"type": "exact", "expected_value": "Monday"}),
            self.tool_test(tool, {"type": "regex", "pattern": "^T"}),
            self.tool_test(tool, {"type": "llm", "description": "It is 'Monday'"}),
            self.tool_test(tool, {"type": "anything"}, question="What are brakes?"),
            self.tool_test(tool, {"type": "anything"}, question="What are brakes?", verify_absence=True))
        self.assertEqual([run.status for run in done.test_runs], ["passed", "failed", "passed", "failed", "passed"])
        self.assertIn("^T", done.test_runs[1].condition_result.rationale.summary)
        call = next(call for turn in done.test_runs[0].agent_responses for call in turn.tool_calls)
        self.assertEqual((call.tool_name, json.loads(call.params_as_json)), ("book", {"day": "Monday"}))

    def test_a_simulation_meets_every_condition(self):
        tool = self.booking()
        agent = self.agent(tool_ids=[tool])
        test = self.tests.create(request={
            "type": "simulation", "name": "Two wishes", "simulation_max_turns": 4,
            "simulation_scenario": "You say [Do you repair brakes?] and then [Please reserve a table for Friday].",
            "success_conditions": ["It says 'the first about brakes'", "It says 'all went well'"]}).id
        run, = self.run_tests(agent, test).test_runs
        self.assertEqual((run.status, run.condition_result.rationale.messages),
                         ("passed", ["Looked for the first about brakes.", "Looked for all went well."]))
        self.assertEqual([turn.message for turn in run.agent_responses if turn.role == "user"],
                         ["Do you repair brakes?", "Please reserve a table for Friday"])

    def test_runs_are_repeated_grouped_changed_and_resubmitted(self):
        agent = self.agent()
        test = self.reply_test("2 questions")
        done = self.run_tests(agent, test, repeat_count=3)
        bucket, = done.result_groups[0].buckets
        self.assertEqual((done.bucketing_status, bucket.status, len(bucket.test_run_ids)), ("completed", "passed", 3))
        self.tests.update(test, request={"type": "llm", "name": "Other", "success_condition": "It says 'nothing'.",
                                         "chat_history": [said("user", "Hi")]})
        self.tests.invocations.resubmit(done.id, test_run_ids=[bucket.test_run_ids[1]], agent_id=agent)
        statuses = {run.test_run_id: run.status for run in self.results(done.id).test_runs}
        self.assertEqual([statuses[run] for run in bucket.test_run_ids], ["passed", "failed", "passed"])

    def test_what_waits_is_run_after_a_kill(self):
        agent = self.agent()
        tests = [self.reply_test("2 questions") for _ in range(8)]
        started = self.agents.run_tests(agent, tests=[{"test_id": test} for test in tests])
        self.home.restart(9)
        self.assertEqual({run.status for run in self.results(started.id).test_runs}, {"passed"})

    def test_without_a_language_model_only_calls_can_be_tested(self):
        with self.assertRaises(ApiError) as caught:
            self.agents.run_tests("desk", tests=[{"test_id": self.reply_test("x")}])
        self.assertEqual(caught.exception.status_code, 501)
        self.assertIn("language model", caught.exception.body["detail"]["message"])
        absent = self.tool_test("end_call", {"type": "anything"}, question="hello there", verify_absence=True)
        run, = self.run_tests("desk", absent).test_runs
        self.assertEqual(run.status, "passed")


@unittest.skipIf(house.GENERATION > 2, "this generation has no simulated conversations")
class Simulations(Workshop):
    def specification(self, lines, **more):
        return {"simulated_user_config": {"language": "en", "prompt": {"prompt": lines, "llm": "gpt-4o"}}, **more}

    def test_a_conversation_goes_on_from_what_was_said(self):
        agent = self.agent()
        history = [said("agent", "Hello."), said("user", "Do you know tyres?"), said("agent", "I do."), said("user", "Brakes too?")]
        held = self.agents.simulate_conversation(
            agent, simulation_specification=self.specification("[Last, what are chains?]", partial_conversation_history=history),
            extra_evaluation_criteria=[{"id": "chains", "name": "Chains", "conversation_goal_prompt": "Were chains named?"},
                                       {"id": "prices", "name": "Prices", "conversation_goal_prompt": "Were prices named?"}])
        self.assertEqual([turn.message for turn in held.simulated_conversation],
                         [*(turn["message"] for turn in history), "That makes 2 questions, the first about tyres."])
        found = {name: result.result for name, result in held.analysis.evaluation_criteria_results.items()}
        self.assertEqual((found, held.analysis.call_successful), ({"chains": "failure", "prices": "failure"}, "failure"))

    def test_a_limit_ends_it_and_the_users_words_count(self):
        agent = self.agent()
        lines = "[One about wheels?] [Two about chains?] [Three about prices?]"
        held = self.agents.simulate_conversation(agent, simulation_specification=self.specification(lines), new_turns_limit=2,
                                                 extra_evaluation_criteria=[{"id": "chains", "name": "", "conversation_goal_prompt": "Chains?"}])
        self.assertEqual([turn.message for turn in held.simulated_conversation if turn.role == "user"],
                         ["One about wheels?", "Two about chains?"])
        self.assertEqual(held.analysis.evaluation_criteria_results["chains"].result, "success")

    def test_a_stream_has_a_line_for_each_step(self):
        agent = self.agent()
        specification = self.specification("[One about wheels?] [Two about chains?]")
        self.agents.simulate_conversation_stream(agent, simulation_specification=specification)
        import httpx
        lines = []
        with httpx.stream("POST", f"{self.home.url}/v1/convai/agents/{agent}/simulate-conversation/stream", timeout=60,
                          json={"simulation_specification": specification}) as answer:
            self.assertEqual(answer.status_code, 200)
            lines = [json.loads(line) for line in answer.iter_lines() if line.strip()]
        self.assertGreater(len(lines), 3)
        turns = [turn["message"] for line in lines[:-1] for turn in line["simulated_conversation"]]
        self.assertEqual(turns, ["Hello.", "One about wheels?", "That makes 1 questions, the first about wheels.",
                                 "Two about chains?", "That makes 2 questions, the first about wheels."])
        self.assertEqual(lines[-1]["analysis"]["transcript_summary"], "They talked.")

    def test_what_cannot_be_honoured_is_refused(self):
        agent = self.agent()
        tools = {"simulated_user_config": {"prompt": {"prompt": "x", "tool_ids": ["t"]}}}
        scores = [{"id": "a", "name": "a", "conversation_goal_prompt": "a", "scoring_mode": "numeric_uniform"}]
        for more, status in (({"simulation_specification": tools}, 501),
                             ({"simulation_specification": self.specification("x"), "extra_evaluation_criteria": scores}, 501),
                             ({"simulation_specification": self.specification("x", tool_mock_config={"fly": {}})}, 400),
                             ({"simulation_specification": self.specification("x"), "new_turns_limit": 0}, 400)):
            with self.assertRaises(ApiError) as caught:
                self.agents.simulate_conversation(agent, **more)
            self.assertEqual(caught.exception.status_code, status, caught.exception.body)


if __name__ == "__main__":
    unittest.main()
