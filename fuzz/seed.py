"""Splits the wire vectors into one seed file per message, under fuzz/corpus."""

import json
import pathlib

here = pathlib.Path(__file__).resolve().parent
vectors = here.parent / "pure" / "protocol" / "vectors"


def write(target, texts):
    folder = here / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    for number, text in enumerate(texts):
        (folder / f"vector-{number:03}").write_text(text, encoding="utf-8")
    print(f"{target}: {len(texts)} seeds")


def messages(name):
    entries = json.loads((vectors / f"{name}.json").read_text(encoding="utf-8"))
    return [json.dumps(entry["message"], ensure_ascii=False, separators=(",", ":")) for entry in entries]


refused = [entry["text"] for entry in json.loads((vectors / "refused.json").read_text(encoding="utf-8"))]
client, server = messages("client_event"), messages("server_event")
write("client_event", client + refused)
write("server_event", server + refused)
write("audio_frame", [text for text in client + server + refused if "audio" in text])
write("client_machine", ["\n".join(server), "\n".join(reversed(server))])

speech = json.loads((vectors / "speech.json").read_text(encoding="utf-8"))
for target, is_its in (("speech", False), ("assemblyai", True)):
    write(target, [json.dumps(entry["message"], ensure_ascii=False, separators=(",", ":"))
                   for entry in speech if entry["wire"].startswith("aai_") is is_its])
