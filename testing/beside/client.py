"""The official Python SDK: one conversation for so many seconds, and what it cost without the import."""

import json
import struct
import sys
import threading
import time

from elevenlabs.client import ElevenLabs
from elevenlabs.conversational_ai.conversation import AudioInterface, Conversation

EVERY = 0.25
PIECE = 4000
WARM_UP = 2.0


class Line(AudioInterface):
    """Sends a stamped piece four times a second and notes how old the pieces are that come."""

    def __init__(self):
        self.ages = []
        self.over = threading.Event()

    def start(self, input_callback):
        def talk():
            began = time.monotonic()
            number = 1
            while not self.over.wait(max(0.0, began + number * EVERY - time.monotonic())):
                number += 1
                input_callback(struct.pack("<Q", time.time_ns()) + bytes(PIECE * 2 - 8))

        threading.Thread(target=talk, daemon=True).start()

    def stop(self):
        self.over.set()

    def output(self, audio):
        age = time.time_ns() - struct.unpack_from("<Q", audio)[0]
        if 0 <= age < 60_000_000_000:
            self.ages.append(age / 1e6)

    def interrupt(self):
        pass


def summary(ages):
    ages = sorted(ages)

    def at(share):
        return ages[max(1, -(-len(ages) * share // 100)) - 1] if ages else None

    return {"count": len(ages), "p50_ms": at(50), "p99_ms": at(99), "max_ms": at(100)}


def resident():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))


def main():
    url, seconds = sys.argv[1], float(sys.argv[2])
    line = Line()
    conversation = Conversation(ElevenLabs(base_url=url, api_key="any"), "agent_1", requires_auth=False, audio_interface=line)
    conversation.start_session()
    time.sleep(WARM_UP)
    line.ages.clear()
    before, began = time.process_time(), time.monotonic()
    time.sleep(seconds)
    cpu = (time.process_time() - before) / (time.monotonic() - began) * 60
    print(json.dumps({"sdk": "python", "cpu_seconds_per_minute": cpu, "resident_kib": resident(), "down": summary(line.ages)}))
    conversation.end_session()
    conversation.wait_for_session_end()


if __name__ == "__main__":
    main()
