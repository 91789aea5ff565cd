"""Conversations with sound, at the pace of sound, checked by words."""

import time

import house
from house import Call, Case, Line, sdk, share_of, speech, transcript


class VoiceConversations(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.opening = speech("When do you open tomorrow?")
        cls.order = speech("Where is my order?")
        cls.story = speech("Tell me a long story.")
        cls.goodbye = speech("Goodbye.")

    def begin(self, **more):
        call = Call(self.server, line=Line(), **more)
        self.assertIn("this is the desk", call.wait("agent"))
        time.sleep(0.3)
        call.hear_out()
        return call

    def ask(self, call, samples, wanted):
        """Says something, and says it again if the agent did not understand, as people do."""
        for _ in range(3):
            call.line.say(samples)
            try:
                answer = call.wait("agent", patience=12)
            except AssertionError:
                continue
            if wanted in answer:
                return answer
            call.hear_out()
        self.fail(f"{wanted!r} was not said; so far {call.log}")

    def test_both_sides_understand_each_other(self):
        call = self.begin()
        greeting = transcript(call.line.played)
        self.assertGreaterEqual(share_of("hello this is the desk how can I help you", greeting), 0.7, greeting)
        before = len(call.line.played)
        self.ask(call, self.opening, "nine in the morning")
        said = max((what for kind, what in call.log if kind == "user"), key=lambda said: share_of("when do you open tomorrow", said))
        self.assertGreaterEqual(share_of("when do you open tomorrow", said), 0.8, said)
        time.sleep(0.3)
        call.hear_out()
        heard = transcript(call.line.played[before:])
        self.assertGreaterEqual(share_of("we open at nine in the morning", heard), 0.7, heard)
        self.assertTrue(call.close())

    def test_every_character_of_a_reply_is_aligned(self):
        call = self.begin()
        call.close()
        while not call.happened.empty():
            call.log.append(call.happened.get())
        text = "".join("".join(what.chars) for kind, what in call.log if kind == "alignment")
        self.assertEqual(text.split(), "Hello, this is the desk. How can I help you?".split())

    def test_a_client_tool_answers_by_voice(self):
        call = self.begin(tools={"find_order": lambda _: {"status": "will be here tomorrow"}})
        before = len(call.line.played)
        self.ask(call, self.order, "will be here tomorrow")
        time.sleep(0.3)
        call.hear_out()
        heard = transcript(call.line.played[before:])
        self.assertGreaterEqual(share_of("your order will be here tomorrow", heard), 0.6, heard)
        call.close()

    def test_an_interruption_stops_the_agent_and_is_corrected_to_what_was_heard(self):
        call = self.begin()
        whole = self.ask(call, self.story, "baker")
        while not call.line.seconds_left():
            time.sleep(0.01)
        began = time.monotonic()
        played_before = len(call.line.played)
        time.sleep(2.5)
        call.line.say(self.opening)
        original, corrected = call.wait("correction")
        self.assertEqual(original.split(), whole.split())
        self.assertTrue(whole.startswith(corrected.rstrip(".… ")) and len(corrected) < len(whole), corrected)
        self.assertEqual(len(call.line.interruptions), 1)
        stopped = call.line.interruptions[0]
        # 2.5 s of the story, then the caller must be heard to speak; the story would have gone on for 15 s.
        self.assertLess(stopped - began, 2.5 + 2.0)
        heard_seconds = (len(call.line.played) - played_before) / 2 / house.RATE
        self.assertLess(heard_seconds, 6.0)
        heard = transcript(call.line.played[played_before:])
        self.assertGreaterEqual(share_of(corrected, heard), 0.5, f"{corrected!r} against {heard!r}")
        if "nine in the morning" not in call.wait("agent"):
            call.hear_out()
            self.ask(call, self.opening, "nine in the morning")
        # Between the interruption and the answer nothing old may arrive.
        fresh = [at for at, _ in call.line.arrivals if at > stopped]
        self.assertTrue(fresh)
        time.sleep(0.3)
        call.hear_out()
        after = transcript(call.line.played[played_before + int((stopped - began) * house.RATE) * 2:])
        for old in ("bridge", "neighbours", "hammers"):
            self.assertNotIn(old, house.words(after), after)
        call.close()

    def test_the_goodbye_is_heard_before_the_agent_hangs_up(self):
        call = self.begin()
        before = len(call.line.played)
        call.line.say(self.goodbye)
        call.wait("agent", lambda text: "Goodbye" in text)
        call.wait("end")
        heard = transcript(call.line.played[before:])
        self.assertGreaterEqual(share_of("goodbye and thank you for calling", heard), 0.6, heard)


if __name__ == "__main__":
    house.unittest.main()
