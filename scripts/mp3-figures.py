#!/usr/bin/env python3
"""How well and how fast `duologue serve` codes speech as MP3: for each format the words that the recogniser gets wrong after
libmpg123 has decoded it, and the sound coded in a second.

    duologue serve --port 8000 &
    scripts/mp3-figures.py http://127.0.0.1:8000 [path of duologue]

A server on a machine without libmp3lame0 shows the encoder that is built in.
"""

import json
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
import wave
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests/sdk/python"))
from mp3 import unpack_mp3

TEXTS = [
    "The meeting has been moved to three thirty tomorrow afternoon.",
    "Can you tell me what the weather will be like on Saturday?",
    "I need to cancel my order because it arrived broken.",
    "Please call me back when you have found the answer.",
    "How much does it cost to send a letter to Canada?",
    "What time does the last train leave for London?",
    "Could you repeat the last part more slowly?",
    "There is a problem with the light in the bathroom.",
    "Do you have a table for four people at seven?",
    "He bought three tickets for the concert on Friday.",
    "It takes about twenty minutes to walk to the station.",
    "Thank you very much for all of your help today.",
]
FORMATS = ["wav_44100", "mp3_22050_32", "mp3_24000_48", "mp3_44100_32", "mp3_44100_64", "mp3_44100_128"]


def spoken(url, text, form):
    ask = urllib.request.Request(f"{url}/v1/text-to-speech/slt?output_format={form}", json.dumps({"text": text}).encode(),
                                 {"content-type": "application/json"})
    began = time.monotonic()
    with urllib.request.urlopen(ask) as answer:
        return answer.read(), time.monotonic() - began


def words(text):
    return re.findall(r"[a-z']+", text.lower())


def errors(said, heard):
    row = list(range(len(heard) + 1))
    for at, word in enumerate(said, 1):
        before, row = row, [at] + [0] * len(heard)
        for other, candidate in enumerate(heard, 1):
            row[other] = min(before[other] + 1, row[other - 1] + 1, before[other - 1] + (word != candidate))
    return row[-1]


def main(url, program="duologue"):
    plain = 0.0
    for form in FORMATS:
        wrong = count = size = 0
        took = seconds = 0.0
        for text in TEXTS:
            # The quicker of three, for other work gets in between.
            tries = [spoken(url, text, form) for _ in range(3)]
            took += min(time for _, time in tries)
            sound = tries[0][0]
            size += len(sound)
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder, "heard.wav")
                if form.startswith("mp3"):
                    rate, channels, samples = unpack_mp3(sound)
                    with wave.open(str(path), "wb") as file:
                        file.setparams((channels, 2, rate, 0, "NONE", ""))
                        file.writeframes(samples)
                else:
                    path.write_bytes(sound)
                with wave.open(str(path)) as file:
                    seconds += file.getnframes() / file.getframerate()
                lines = subprocess.run([program, "transcribe", str(path), "--json"], capture_output=True, text=True, check=True)
            heard = json.loads(lines.stdout.splitlines()[-1])["text"]
            wrong += errors(words(text), words(heard))
            count += len(words(text))
        if form.startswith("wav"):
            plain = took
        coded = seconds / max(took - plain, 1e-3)
        print(f"{form:14} {size * 8 / seconds / 1000:6.1f} kbit/s  {100 * wrong / count:5.1f} % of {count} words wrong"
              + ("" if form.startswith("wav") else f"  {coded:6.0f} x real time"), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
