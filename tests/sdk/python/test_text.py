"""Conversations without sound."""

import house
from house import Call, Case, sdk


class TextConversations(Case):
    def test_questions_are_answered_and_the_user_ends(self):
        call = Call(self.server)
        self.assertEqual(call.wait("agent"), "Hello, this is the desk. How can I help you?")
        call.session.send_user_message("When do you open?")
        self.assertEqual(call.wait("user"), "When do you open?")
        self.assertIn("nine in the morning", call.wait("agent"))
        self.assertRegex(call.close(), r"^conv_[a-z0-9]+$")

    def test_the_agent_ends_after_its_goodbye(self):
        call = Call(self.server)
        call.wait("agent")
        call.session.send_user_message("goodbye")
        self.assertIn("Goodbye", call.wait("agent"))
        call.wait("end")
        self.assertTrue(call.session.wait_for_session_end())

    def test_replies_are_streamed_in_parts_that_join_to_the_whole(self):
        call = Call(self.server)
        call.wait("agent")
        call.session.send_user_message("tell me a story")
        whole = call.wait("agent", lambda text: "baker" in text)
        parts = [what for kind, what in call.log if kind == "part"]
        text = ""
        for piece, kind in parts:
            text = "" if kind == sdk.AgentChatResponsePartType.START else text + piece
        self.assertEqual(text.split(), whole.split())
        call.close()

    def test_client_tools_get_arguments_and_give_results(self):
        asked = []

        def find_order(parameters):
            asked.append(parameters)
            return {"status": "arrives on friday"}

        call = Call(self.server, tools={"find_order": find_order})
        call.wait("agent")
        call.session.send_user_message("where is my order")
        self.assertIn("arrives on friday", call.wait("agent"))
        self.assertEqual(asked[0]["order"], "seven")
        call.close()

    def test_a_tool_that_fails_or_is_not_there_is_told_to_the_agent(self):
        def broken(parameters):
            raise ValueError("out of order")

        for tools in ({"find_order": broken}, {}):
            call = Call(self.server, tools=tools)
            call.wait("agent")
            call.session.send_user_message("where is my order")
            self.assertIn("could not find", call.wait("agent"))
            call.close()

    def test_a_tool_that_never_answers_is_given_up(self):
        import threading

        release = threading.Event()
        self.addCleanup(release.set)
        call = Call(self.server, tools={"find_order": lambda _: release.wait(60)})
        call.wait("agent")
        call.session.send_user_message("where is my order")
        self.assertIn("could not find", call.wait("agent", lambda text: "find" in text))
        call.close()

    def test_allowed_overrides_count(self):
        config = sdk.ConversationInitiationData(
            conversation_config_override={"agent": {"first_message": "Welcome back.", "prompt": {"prompt": "Be short."}}},
            user_id="ada")
        call = Call(self.server, config=config, user_id="ada")
        self.assertEqual(call.wait("agent"), "Welcome back.")
        call.close()

    def test_refused_overrides_end_the_call(self):
        config = sdk.ConversationInitiationData(
            conversation_config_override={"agent": {"first_message": "Mine."}}, dynamic_variables={"customer": "Ada"})
        call = Call(self.server, "strict", config=config)
        call.wait("end")
        self.assertFalse([what for kind, what in call.log if kind == "agent"])

    def test_variables_are_filled_in(self):
        config = sdk.ConversationInitiationData(dynamic_variables={"customer": "Ada"})
        call = Call(self.server, "strict", config=config)
        self.assertEqual(call.wait("agent"), "Good day, Ada.")
        call.close()

    def test_a_missing_variable_ends_the_call(self):
        call = Call(self.server, "strict")
        call.wait("end")
        self.assertFalse([what for kind, what in call.log if kind == "agent"])

    def test_context_and_activity_are_taken_without_an_answer(self):
        call = Call(self.server)
        call.wait("agent")
        call.session.send_contextual_update("The user looks at the opening hours.")
        call.session.register_user_activity()
        call.session.send_user_message("When do you open?")
        self.assertIn("nine", call.wait("agent"))
        call.close()


if __name__ == "__main__":
    house.unittest.main()
