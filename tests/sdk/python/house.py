"""A server of ours, and what a caller needs: made speech, a line of sound, and patience."""

import json
import os
import pathlib
import queue
import re
import subprocess
import tempfile
import threading
import time
import unittest
import wave

from mp3 import unpack_mp3  # noqa: F401, for the tests

ROOT = pathlib.Path(__file__).resolve().parents[3]
AGENTS = ROOT / "tests/sdk/agents"
BINARY = os.environ["DUOLOGUE"]
RATE = 16_000
PATIENCE = 20.0

from elevenlabs import ElevenLabs

try:  # The third generation renamed the module and one class.
    from elevenlabs.agents import conversation as sdk
except ImportError:
    from elevenlabs.conversational_ai import conversation as sdk

# Which generation this is; some tests have nothing to do with the SDK and run with one of them only.
GENERATION = 3 if sdk.__name__.startswith("elevenlabs.agents") else 2

Orchestrator = getattr(sdk, "OrchestratorConfig", None) or sdk.OnPremInitiationData


def quiet_environment(**more):
    """Nothing of this machine's settings, so that the same agent answers everywhere."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "SPEECH_LIBRARIES", "SPEECH_MODEL") if name in os.environ}
    return {**kept, "OLLAMA_HOST": "", "LOG_LEVEL": "warn", **more}


def run(*arguments):
    done = subprocess.run([BINARY, *arguments], env=quiet_environment(), cwd=tempfile.gettempdir(),
                          capture_output=True, text=True, timeout=120)
    if done.returncode:
        raise AssertionError(f"duologue {arguments[0]} failed:\n{done.stderr}{done.stdout}")
    return done.stdout


class Server:
    """`duologue serve` on a free port, with agents of these tests."""

    def __init__(self, **environment):
        self.home = tempfile.TemporaryDirectory()
        self.process = subprocess.Popen(
            [BINARY, "--json", "serve", "--host", "127.0.0.1", "--port", "0", "--llm", "scripted",
             "--agents", str(AGENTS), "--data", f"{self.home.name}/data"],
            env=quiet_environment(**environment), cwd=self.home.name, stdout=subprocess.PIPE, text=True)
        while True:
            line = self.process.stdout.readline()
            if not line:
                raise AssertionError("the server did not start")
            said = json.loads(line)
            if said.get("type") == "serving":
                break
        self.url = said["url"]

    def socket_url(self, query=""):
        return self.url.replace("http", "ws", 1) + "/v1/convai/conversation" + query

    def client(self, key="any"):
        return ElevenLabs(base_url=self.url, api_key=key)

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:  # it lets calls finish, and a failed test may have left one open
            self.process.kill()
            self.process.wait(PATIENCE)
        self.process.stdout.close()
        self.home.cleanup()


class Case(unittest.TestCase):
    environment = {}

    @classmethod
    def setUpClass(cls):
        cls.server = Server(**cls.environment)
        cls.addClassCleanup(cls.server.stop)


def words(text):
    return re.findall(r"[a-z']+", text.lower())


def share_of(wanted, heard):
    """How many of the wanted words were heard, 0 to 1."""
    wanted, heard = words(wanted), words(heard)
    found = 0
    for word in wanted:
        if word in heard:
            heard.remove(word)
            found += 1
    return found / max(1, len(wanted))


def speech(text, voice="rms"):
    """`text` as 16 kHz samples, made by the product."""
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/said.wav"
        run("speak", text, "--voice", voice, "--output", path)
        with wave.open(path) as sound:
            assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (RATE, 1, 2)
            return sound.readframes(sound.getnframes())


def transcript(samples, rate=RATE):
    """What the product hears in samples of this rate."""
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/heard.wav"
        with wave.open(path, "wb") as sound:
            sound.setnchannels(1)
            sound.setsampwidth(2)
            sound.setframerate(rate)
            sound.writeframes(samples)
        return run("transcribe", path)


def channel(samples, count, index):
    """One of the interleaved channels."""
    return memoryview(samples).cast("h")[index::count].tobytes()


class Line(sdk.AudioInterface):
    """A microphone and a speaker that work at the pace of real ones: 20 ms at a time, silence when nobody speaks."""

    FRAME = RATE // 50 * 2

    def __init__(self):
        self.lock = threading.Lock()
        self.to_say = b""
        self.to_play = b""
        self.played = b""
        self.arrivals = []
        self.interruptions = []
        self.unplayed = []
        self.running = False

    def start(self, input_callback):
        self.running = True
        self.thread = threading.Thread(target=self._run, args=(input_callback,), daemon=True)
        self.thread.start()

    def stop(self):
        self.running = False
        if threading.current_thread() is not self.thread:
            self.thread.join()

    def output(self, audio):
        with self.lock:
            self.arrivals.append((time.monotonic(), len(audio)))
            self.to_play += audio

    def interrupt(self):
        with self.lock:
            self.interruptions.append(time.monotonic())
            self.unplayed.append(len(self.to_play))
            self.to_play = b""

    def say(self, samples):
        with self.lock:
            self.to_say += samples

    def seconds_left(self):
        with self.lock:
            return len(self.to_play) / 2 / RATE

    def _run(self, input_callback):
        due = time.monotonic()
        while self.running:
            with self.lock:
                frame, self.to_say = self.to_say[:self.FRAME], self.to_say[self.FRAME:]
                heard, self.to_play = self.to_play[:self.FRAME], self.to_play[self.FRAME:]
                self.played += heard.ljust(self.FRAME, b"\0")
            try:
                input_callback(frame.ljust(self.FRAME, b"\0"))
            except Exception:  # the socket has closed under the microphone; the session says so itself
                return
            due += 0.02
            time.sleep(max(0.0, due - time.monotonic()))


class Call:
    """A conversation of the SDK whose callbacks go into one queue."""

    def __init__(self, server, agent_id=None, line=None, tools=None, config=None, key="any", requires_auth=False, on_prem=None, **more):
        self.happened = queue.Queue()
        self.line = line
        self.log = []
        named = {}
        if on_prem is not None:
            name = "orchestrator_config" if "orchestrator_config" in sdk.Conversation.__init__.__code__.co_varnames else "on_prem_config"
            named[name] = on_prem
        self.tools = sdk.ClientTools()
        for name, tool in (tools or {}).items():
            self.tools.register(name, tool)
        note = lambda kind: lambda *what: self.happened.put((kind, what if len(what) > 1 else what[0]))
        self.session = sdk.Conversation(
            server.client(key), agent_id or "desk", requires_auth=requires_auth, audio_interface=line, client_tools=self.tools,
            config=config, callback_agent_response=note("agent"), callback_user_transcript=note("user"),
            callback_agent_response_correction=note("correction"), callback_agent_chat_response_part=note("part"),
            callback_audio_alignment=note("alignment"), callback_latency_measurement=note("latency"),
            callback_end_session=lambda *_: self.happened.put(("end", None)), **named, **more)
        self.session.start_session()

    def wait(self, kind, test=lambda what: True, patience=PATIENCE):
        """The next thing of this kind that passes the test."""
        deadline = time.monotonic() + patience
        while True:
            try:
                happened = self.happened.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no {kind} within {patience} s; so far {self.log}") from None
            self.log.append(happened)
            if happened[0] == kind and test(happened[1]):
                return happened[1]
            if happened[0] == "end" and kind != "end":
                raise AssertionError(f"the call ended while waiting for {kind}; so far {self.log}")

    def hear_out(self):
        """Waits until the speaker has been silent for a moment."""
        quiet = 0
        deadline = time.monotonic() + PATIENCE * 2
        while quiet < 15:
            if time.monotonic() > deadline:
                raise AssertionError("the agent does not stop talking")
            quiet = quiet + 1 if self.line.seconds_left() == 0 else 0
            time.sleep(0.02)

    def close(self):
        self.session.end_session()
        return self.session.wait_for_session_end()
