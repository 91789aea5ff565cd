"""Text to speech, speech to text and voices through the SDK, heard again by the product."""

import asyncio
import base64
import http.server
import io
import json
import threading
import unittest
import urllib.error
import urllib.parse
import urllib.request
import wave

from websockets.sync.client import connect

import house
from house import Case

TEXT = "The train to the city leaves at seven in the morning."
RATE = 16_000


def whole(chunks):
    return chunks if isinstance(chunks, bytes) else b"".join(chunks)


def wav(samples, rate=RATE):
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        sound.writeframes(samples)
    return file.getvalue()


def frames(mp3):
    """The frames of an MP3 stream of 128 kbit/s and 44.1 kHz, walked header by header."""
    at, count = 0, 0
    while at < len(mp3):
        assert mp3[at] == 0xFF and mp3[at + 1] & 0xE0 == 0xE0, f"no frame at {at} of {len(mp3)}"
        at += 417 + (mp3[at + 2] >> 1 & 1)
        count += 1
    assert at == len(mp3)
    return count


class Speech(Case):
    def setUp(self):
        self.client = self.server.client()
        self.voice = self.client.voices.search().voices[0].voice_id

    def test_the_default_format_is_mp3(self):
        sound = whole(self.client.text_to_speech.convert(self.voice, text=TEXT))
        seconds = frames(sound) * 1152 / 44_100
        self.assertTrue(2 < seconds < 8, seconds)
        rate, channels, samples = house.unpack_mp3(sound)
        self.assertEqual((rate, channels), (44_100, 1))
        self.assertAlmostEqual(len(samples) / 2 / rate, seconds, delta=0.1)

    def test_small_formats_can_be_understood_too(self):
        for name in ("mp3_22050_32", "mp3_44100_64"):
            rate, _, samples = house.unpack_mp3(whole(self.client.text_to_speech.convert(self.voice, text=TEXT, output_format=name)))
            self.assertEqual(rate, int(name.split("_")[1]))
            self.assertGreater(house.share_of(TEXT, house.transcript(samples, rate)), 0.6, name)

    def test_what_is_spoken_can_be_understood_again(self):
        for stream in (self.client.text_to_speech.convert, self.client.text_to_speech.stream):
            samples = whole(stream(self.voice, text=TEXT, output_format="pcm_16000", model_id="eleven_flash_v2_5"))
            heard = self.client.speech_to_text.convert(model_id="scribe_v1", file=wav(samples))
            self.assertGreater(house.share_of(TEXT, heard.text), 0.6, heard.text)
            spoken = [word for word in heard.words if word.type == "word"]
            self.assertEqual([word.text for word in spoken], heard.text.split())
            self.assertTrue(all(word.start <= word.end for word in spoken))

    def test_formats_have_the_length_of_the_speech(self):
        lengths = {}
        for name, a_second in (("pcm_8000", 16_000), ("pcm_24000", 48_000), ("ulaw_8000", 8_000), ("pcm_44100", 88_200)):
            lengths[name] = len(whole(self.client.text_to_speech.convert(self.voice, text=TEXT, output_format=name))) / a_second
        self.assertLess(max(lengths.values()) - min(lengths.values()), 0.1, lengths)
        file = whole(self.client.text_to_speech.convert(self.voice, text=TEXT, output_format="wav_16000"))
        with wave.open(io.BytesIO(file)) as sound:
            self.assertAlmostEqual(sound.getnframes() / sound.getframerate(), lengths["pcm_8000"], delta=0.1)

    def test_letters_have_their_times(self):
        timed = self.client.text_to_speech.convert_with_timestamps(self.voice, text=TEXT, output_format="pcm_16000")
        sound = base64.b64decode(getattr(timed, "audio_base_64", None) or timed.audio_base64)
        letters = timed.alignment
        self.assertEqual("".join(letters.characters).split(), TEXT.split())
        ends = letters.character_end_times_seconds
        self.assertTrue(all(a <= b for a, b in zip(letters.character_start_times_seconds, ends)))
        self.assertAlmostEqual(ends[-1], len(sound) / 2 / RATE, delta=0.6)
        pieces = list(self.client.text_to_speech.stream_with_timestamps(self.voice, text=TEXT, output_format="pcm_16000"))
        said = "".join(letter for piece in pieces if piece.alignment for letter in piece.alignment.characters)
        self.assertEqual(said.split(), TEXT.split())

    def test_a_slower_voice_takes_longer(self):
        def seconds(speed):
            settings = {"speed": speed}
            return len(whole(self.client.text_to_speech.convert(self.voice, text=TEXT, output_format="pcm_16000",
                                                                voice_settings=settings)))
        self.assertGreater(seconds(0.7), seconds(1.2) * 1.2)

    def test_what_cannot_be_is_refused_in_the_documented_shape(self):
        from elevenlabs.core.api_error import ApiError
        def refused(status, code, call):
            with self.assertRaises(ApiError) as caught:
                whole(call())
            self.assertEqual(caught.exception.status_code, status, caught.exception.body)
            self.assertEqual(caught.exception.body["detail"]["code"], code)
        speak = self.client.text_to_speech.convert
        refused(404, "voice_not_found", lambda: speak("nobody", text=TEXT))
        refused(400, "invalid_output_format", lambda: speak(self.voice, text=TEXT, output_format="opus_48000_64"))
        refused(400, "empty_text", lambda: speak(self.voice, text=" "))
        refused(400, "text_too_long", lambda: speak(self.voice, text="a" * 40_001))
        hear = self.client.speech_to_text.convert
        refused(400, "invalid_audio_format", lambda: hear(model_id="scribe_v1", file=b"ID3 no sound"))
        refused(400, "invalid_parameters", lambda: hear(model_id="scribe_v1", file=wav(bytes(32_000)), language_code="fr"))

    def test_raw_samples_are_heard(self):
        samples = house.speech(TEXT)
        heard = self.client.speech_to_text.convert(model_id="scribe_v1", file=samples, file_format="pcm_s16le_16")
        self.assertGreater(house.share_of(TEXT, heard.text), 0.6, heard.text)
        silence = self.client.speech_to_text.convert(model_id="scribe_v1", file=wav(bytes(64_000)))
        self.assertEqual((silence.text, silence.words), ("", []))

    def test_voices_are_listed_searched_and_shown(self):
        every = self.client.voices.search(page_size=100).voices
        self.assertGreater(len(every), 1)
        page = self.client.voices.search(page_size=1)
        self.assertEqual((len(page.voices), page.has_more, page.total_count), (1, True, len(every)))
        rest = self.client.voices.search(page_size=100, next_page_token=page.next_page_token)
        self.assertEqual([voice.voice_id for voice in page.voices + rest.voices], [voice.voice_id for voice in every])
        self.assertEqual(self.client.voices.search(search=every[1].name).voices[0].voice_id, every[1].voice_id)
        self.assertEqual(self.client.voices.get(self.voice).name, every[0].name)
        self.assertEqual(self.client.voices.settings.get(self.voice).speed, 1.0)
        self.assertTrue(self.client.models.list()[0].can_do_text_to_speech)

    def test_a_voice_has_a_sample(self):
        voice = self.client.voices.get("rms")
        with urllib.request.urlopen(voice.preview_url, timeout=house.PATIENCE) as answer:
            self.assertEqual(answer.headers["content-type"], "audio/mpeg")
            rate, channels, samples = house.unpack_mp3(answer.read())
        self.assertEqual(channels, 1)
        heard = house.transcript(samples, rate)
        self.assertGreater(house.share_of("Hello, I am Ray. This is how I sound.", heard), 0.6, heard)


class Sockets(Case):
    """The SDK forces TLS on its speech socket, so these are the same messages over a socket of the library it uses."""

    def setUp(self):
        self.voice = self.server.client().voices.search().voices[0].voice_id

    def talk(self, path, messages):
        from websockets.sync.client import connect
        heard = []
        with connect(self.server.url.replace("http", "ws", 1) + path, max_size=None) as socket:
            for message in messages:
                socket.send(json.dumps(message))
            try:
                while True:
                    heard.append(json.loads(socket.recv(timeout=house.PATIENCE)))
            except Exception as end:
                return heard, getattr(getattr(end, "rcvd", None), "code", None)

    def test_text_that_streams_in_is_spoken_with_its_letters(self):
        path = f"/v1/text-to-speech/{self.voice}/stream-input?model_id=eleven_flash_v2_5&output_format=pcm_16000"
        words = [{"text": word + " ", "try_trigger_generation": True} for word in TEXT.split()]
        heard, code = self.talk(path, [{"text": " ", "voice_settings": None, "generation_config": {"chunk_length_schedule": [50]}}, *words, {"text": ""}])
        self.assertEqual(code, 1000)
        self.assertTrue(heard[-1]["isFinal"] and heard[-1]["audio"] is None, heard[-1])
        sound = b"".join(base64.b64decode(message["audio"]) for message in heard[:-1])
        said = "".join(letter for message in heard if message.get("alignment") for letter in message["alignment"]["chars"])
        self.assertEqual(said.split(), TEXT.split())
        self.assertGreater(house.share_of(TEXT, house.transcript(sound)), 0.6)

    def test_contexts_on_one_socket_end_for_themselves(self):
        path = f"/v1/text-to-speech/{self.voice}/multi-stream-input?output_format=pcm_16000"
        heard, code = self.talk(path, [
            {"text": " ", "context_id": "a"}, {"text": "Good morning. ", "context_id": "a"},
            {"text": "Good night. ", "context_id": "b", "flush": True}, {"context_id": "a", "close_context": True},
            {"close_socket": True}])
        self.assertEqual(code, 1000)
        ends = [message["contextId"] for message in heard if message.get("isFinal")]
        self.assertEqual(sorted(ends), ["a", "b"])
        spoken = {message["contextId"] for message in heard if message.get("audio")}
        self.assertEqual(spoken, {"a", "b"})

    def test_a_wrong_voice_is_told_before_the_close(self):
        heard, code = self.talk("/v1/text-to-speech/nobody/stream-input", [{"text": " "}])
        self.assertIn("nobody", heard[0]["message"])
        self.assertEqual(code, 1008)

    def test_the_realtime_recogniser_of_the_sdk(self):
        try:
            from elevenlabs import AudioFormat, CommitStrategy, RealtimeEvents
        except ImportError:
            self.skipTest("this generation has no realtime recognition")
        samples = house.speech(TEXT) + bytes(RATE * 2 * 3)

        async def listen(strategy):
            events, done = [], asyncio.Event()
            connection = await self.server.client().speech_to_text.realtime.connect({
                "model_id": "scribe_v2_realtime", "audio_format": AudioFormat.PCM_16000, "sample_rate": RATE,
                "commit_strategy": strategy, "include_timestamps": True})
            connection.on(RealtimeEvents.PARTIAL_TRANSCRIPT, lambda data: events.append(("partial", data)))
            connection.on(RealtimeEvents.COMMITTED_TRANSCRIPT, lambda data: events.append(("committed", data)))
            connection.on(RealtimeEvents.COMMITTED_TRANSCRIPT_WITH_TIMESTAMPS,
                          lambda data: (events.append(("timed", data)), done.set()))
            connection.on(RealtimeEvents.ERROR, lambda data: events.append(("error", data)))
            for at in range(0, len(samples), 8_000):
                await connection.send({"audio_base_64": base64.b64encode(samples[at:at + 8_000]).decode()})
                await asyncio.sleep(0.02)
            if strategy == CommitStrategy.MANUAL:
                await connection.commit()
            await asyncio.wait_for(done.wait(), house.PATIENCE)
            await connection.close()
            return events

        for strategy in (CommitStrategy.MANUAL, CommitStrategy.VAD):
            events = asyncio.run(listen(strategy))
            kinds = [kind for kind, _ in events]
            self.assertNotIn("error", kinds, events)
            committed = next(data for kind, data in events if kind == "committed")
            self.assertGreater(house.share_of(TEXT, committed["text"]), 0.6, events)
            timed = next(data for kind, data in events if kind == "timed")
            self.assertEqual([word["text"] for word in timed["words"] if word["type"] == "word"], committed["text"].split())


class AccountsVoices(unittest.TestCase):
    """A server that was given the key of an account."""

    def setUp(self):
        self.account = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Account)
        threading.Thread(target=self.account.serve_forever, daemon=True).start()
        self.addCleanup(self.account.server_close)
        self.addCleanup(self.account.shutdown)
        url = f"http://127.0.0.1:{self.account.server_port}"
        self.server = house.Server(ELEVENLABS_API_KEY="sk_account", ELEVENLABS_BASE_URL=url)
        self.addCleanup(self.server.stop)

    def test_its_voices_and_its_library_are_there_beside_our_own(self):
        client = self.server.client()
        every = [voice.voice_id for voice in client.voices.search(page_size=100).voices]
        self.assertIn("rms", every)
        self.assertEqual(every[-1], "v1")
        found = client.voices.search(search="ann").voices
        self.assertEqual([(voice.voice_id, voice.labels) for voice in found], [("v1", {"accent": "Welsh"})])
        self.assertEqual(client.voices.get("v1").name, "Ann")
        shared = client.voices.get_shared(search="sailor").voices[0]
        self.assertEqual((shared.public_owner_id, shared.voice_id), ("o1", "s1"))
        added = client.voices.share(public_user_id="o1", voice_id="s1", new_name="Mine")
        self.assertEqual(added.voice_id, "v2")


class Account(http.server.BaseHTTPRequestHandler):
    """An account of one voice, with a library of one."""

    OWN = {"voice_id": "v1", "name": "Ann", "category": "premade", "labels": {"accent": "Welsh"}}
    SHARED = {"public_owner_id": "o1", "voice_id": "s1", "date_unix": 0, "name": "Sailor", "accent": "Welsh", "gender": "male",
              "age": "old", "descriptive": "rough", "use_case": "narration", "category": "professional",
              "usage_character_count_1y": 0, "usage_character_count_7d": 0, "play_api_usage_character_count_1y": 0,
              "cloned_by_count": 0, "free_users_allowed": True, "live_moderation_enabled": False, "featured": False}

    def answer(self):
        path, _, query = self.path.partition("?")
        fields = urllib.parse.parse_qs(query)
        listed = {"voices": [self.OWN], "has_more": False, "total_count": 1}
        answers = {
            ("GET", "/v1/voices"): {"voices": [self.OWN]},
            ("GET", "/v2/voices"): listed if fields.get("search", ["ann"]) == ["ann"] else {**listed, "voices": []},
            ("GET", "/v1/voices/v1"): self.OWN,
            ("GET", "/v1/shared-voices"): {"voices": [self.SHARED] if fields.get("search") == ["sailor"] else [], "has_more": False},
            ("POST", "/v1/voices/add/o1/s1"): {"voice_id": "v2"},
        }
        right = self.headers.get("xi-api-key") == "sk_account" and (self.command, path) in answers
        if self.command == "POST":
            right = right and json.loads(self.rfile.read(int(self.headers["content-length"])))["new_name"] == "Mine"
        body = json.dumps(answers[self.command, path] if right else {"detail": "wrong"}).encode()
        self.send_response(200 if right else 400)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


class Keys(Case):
    environment = {"API_KEYS": "k1"}

    def test_speech_needs_a_key_where_there_are_keys(self):
        request = urllib.request.Request(self.server.url + "/v1/voices")
        with self.assertRaises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request)
        self.assertEqual(caught.exception.code, 401)
        self.assertTrue(self.server.client("k1").voices.search().voices)

    def first_of(self, path, message):
        """The first answer on a socket that nobody gave a key."""
        with connect(self.server.url.replace("http", "ws", 1) + path) as socket:
            socket.send(json.dumps(message))
            return json.loads(socket.recv(timeout=house.PATIENCE))

    def test_a_token_opens_one_door_once(self):
        tokens = self.server.client("k1").tokens.single_use
        voice = self.server.client("k1").voices.search().voices[0].voice_id
        chunk = {"message_type": "input_audio_chunk", "audio_base_64": "", "commit": False, "sample_rate": RATE}
        ears = "/v1/speech-to-text/realtime?model_id=scribe_v2_realtime&token="
        token = tokens.create("realtime_scribe").token
        self.assertEqual(self.first_of(ears + token, chunk)["message_type"], "session_started")
        refused = self.first_of(ears + token, chunk)
        self.assertEqual((refused["message_type"], "used" in refused["error"]), ("auth_error", True))
        self.assertEqual(self.first_of(ears + tokens.create("tts_websocket").token, chunk)["message_type"], "auth_error")
        mouth = f"/v1/text-to-speech/{voice}/stream-input?output_format=pcm_16000&single_use_token="
        token = tokens.create("tts_websocket").token
        self.assertTrue(self.first_of(mouth + token, {"text": "Good morning. ", "flush": True})["audio"])
        self.assertIn("key", self.first_of(mouth + token, {"text": "Good morning. ", "flush": True})["message"])
        import httpx
        form = {"data": {"model_id": "scribe_v1"}, "files": {"file": wav(bytes(RATE))}, "timeout": house.PATIENCE}
        batch = f"{self.server.url}/v1/speech-to-text?token={tokens.create('batch_scribe').token}"
        self.assertEqual([httpx.post(batch, **form).status_code for _ in range(2)], [200, 401])

    def test_tokens_need_a_key_and_a_known_type(self):
        from elevenlabs.core.api_error import ApiError
        for key, kind, status in (("k2", "tts_websocket", 401), ("k1", "anything", 400)):
            with self.assertRaises(ApiError) as caught:
                self.server.client(key).tokens.single_use.create(kind)
            self.assertEqual(caught.exception.status_code, status)


if __name__ == "__main__":
    unittest.main()
