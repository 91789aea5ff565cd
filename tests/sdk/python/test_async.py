"""The SDK's asynchronous conversations, by text and by voice."""

import asyncio
import inspect
import time
import unittest

import house
from house import Case, sdk, share_of, speech, transcript


class AsyncLine(sdk.AsyncAudioInterface):
    """A microphone and a speaker in the event loop, 100 ms at a time."""

    FRAME = house.RATE // 10 * 2

    def __init__(self):
        self.to_say = b""
        self.played = b""

    async def start(self, input_callback):
        self.task = asyncio.create_task(self._run(input_callback))

    async def _run(self, input_callback):
        due = time.monotonic()
        while True:
            frame, self.to_say = self.to_say[:self.FRAME], self.to_say[self.FRAME:]
            try:
                await input_callback(frame.ljust(self.FRAME, b"\0"))
            except Exception:  # the socket has closed under the microphone; the session says so itself
                return
            due += 0.1
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def stop(self):
        self.task.cancel()

    async def output(self, audio):
        self.played += audio

    async def interrupt(self):
        pass


class Talk:
    """One asynchronous conversation whose callbacks go into one queue."""

    def __init__(self, server, agent_id="desk", **more):
        self.happened = asyncio.Queue()
        self.log = []

        def note(kind):
            async def callback(*what):
                await self.happened.put((kind, what[0] if len(what) == 1 else what))
            return callback

        self.session = sdk.AsyncConversation(
            server.client(), agent_id, requires_auth=False,
            callback_agent_response=note("agent"), callback_user_transcript=note("user"),
            callback_agent_response_correction=note("correction"), callback_agent_chat_response_part=note("part"),
            callback_latency_measurement=note("latency"), callback_audio_alignment=note("alignment"),
            callback_end_session=note("end"), **more)

    async def wait(self, kind, test=lambda what: True, patience=house.PATIENCE):
        async def look():
            while True:
                happened = await self.happened.get()
                self.log.append(happened)
                if happened[0] == kind and test(happened[1]):
                    return happened[1]
                if happened[0] == "end":
                    raise AssertionError(f"the call ended while waiting for {kind}; so far {self.log}")
        try:
            return await asyncio.wait_for(look(), patience)
        except asyncio.TimeoutError:
            raise AssertionError(f"no {kind} within {patience} s; so far {self.log}") from None

    async def close(self):
        await self.session.end_session()
        return await asyncio.wait_for(self.session.wait_for_session_end(), house.PATIENCE)


class AsyncConversations(Case):
    def test_text_is_answered_measured_and_ended_by_the_user(self):
        async def run():
            talk = Talk(self.server)
            await talk.session.start_session()
            self.assertEqual(await talk.wait("agent"), "Hello, this is the desk. How can I help you?")
            await talk.session.send_contextual_update("The user looks at the opening hours.")
            await talk.session.register_user_activity()
            await talk.session.send_user_message("When do you open?")
            self.assertEqual(await talk.wait("user"), "When do you open?")
            self.assertIn("nine in the morning", await talk.wait("agent"))
            await talk.wait("latency", lambda ms: isinstance(ms, int) and ms > 0, patience=60)
            self.assertRegex(await talk.close(), r"^conv_[a-z0-9]+$")
            self.assertIn(("end", ()), list(talk.happened._queue) + talk.log)
        asyncio.run(run())

    def test_client_tools_may_be_asynchronous(self):
        async def run():
            tools = sdk.ClientTools()

            async def find_order(parameters):
                await asyncio.sleep(0.01)
                return {"status": f"number {parameters['order']} is on its way"}

            tools.register("find_order", find_order, is_async=True)
            talk = Talk(self.server, client_tools=tools)
            await talk.session.start_session()
            await talk.wait("agent")
            await talk.session.send_user_message("where is my order")
            self.assertIn("number seven is on its way", await talk.wait("agent"))
            await talk.close()
        asyncio.run(run())

    def test_the_agent_ends_the_call_after_its_goodbye(self):
        async def run():
            talk = Talk(self.server)
            await talk.session.start_session()
            await talk.wait("agent")
            await talk.session.send_user_message("goodbye")
            self.assertIn("Goodbye", await talk.wait("agent"))
            while (await asyncio.wait_for(talk.happened.get(), house.PATIENCE))[0] != "end":
                pass
        asyncio.run(run())

    def test_speech_is_understood_and_heard(self):
        question = speech("When do you open tomorrow?")

        async def run():
            line = AsyncLine()
            talk = Talk(self.server, audio_interface=line)
            await talk.session.start_session()
            await talk.wait("agent")
            await asyncio.sleep(4)
            for _ in range(3):
                line.to_say += question
                try:
                    answer = await talk.wait("agent", patience=12)
                except AssertionError:
                    continue
                if "nine in the morning" in answer:
                    break
            else:
                self.fail(f"not understood; so far {talk.log}")
            await asyncio.sleep(4)
            await talk.close()
            return line.played

        heard = transcript(asyncio.run(run()))
        self.assertGreaterEqual(share_of("we open at nine in the morning", heard), 0.6, heard)


class Settings(Case):
    def test_an_environment_and_extra_fields_do_no_harm_to_the_url(self):
        parameters = inspect.signature(sdk.Conversation.__init__).parameters
        more = {"environment": "staging"} if "environment" in parameters else {}
        call = house.Call(self.server, **more)
        self.assertIn("desk", call.wait("agent"))
        call.close()

    def test_fields_for_the_llm_need_permission(self):
        config = sdk.ConversationInitiationData(extra_body={"tenant": "blue"})
        call = house.Call(self.server, config=config)
        call.wait("end")
        self.assertFalse([what for kind, what in call.log if kind == "agent"])

    def test_a_conversation_can_be_begun_again_and_two_at_once(self):
        first, second = house.Call(self.server), house.Call(self.server)
        for call in (first, second):
            call.wait("agent")
        self.assertNotEqual(first.close(), second.close())
        again = house.Call(self.server)
        self.assertIn("desk", again.wait("agent"))
        again.close()

    def test_latency_is_measured_and_the_end_is_told(self):
        call = house.Call(self.server)
        call.wait("latency", lambda ms: isinstance(ms, int) and ms > 0, patience=60)
        call.close()
        call.wait("end")

    def test_a_message_with_a_file_that_is_not_there_is_answered(self):
        call = house.Call(self.server)
        call.wait("agent")
        if not hasattr(call.session, "send_multimodal_message"):
            self.skipTest("this SDK cannot send files")
        call.session.send_multimodal_message(text="When do you open?", file_id="file_gone")
        self.assertIn("nine", call.wait("agent"))
        call.close()


if __name__ == "__main__":
    unittest.main()
