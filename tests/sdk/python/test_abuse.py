"""What no caller should do, to the real program: its memory stays bounded, and the next caller is served."""

import asyncio
import base64
import json
import socket
import time

import websockets

import house
from house import Call, Case

INITIATION = json.dumps({"type": "conversation_initiation_client_data", "conversation_config_override": {"text_only": True}})
MIB = 1 << 20


def memory(process):
    """What the server holds in memory, in bytes."""
    with open(f"/proc/{process.pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * 4096


@house.unittest.skipIf(house.GENERATION == 3, "done with the second generation")
class Abuse(Case):
    environment = {"MAX_CONVERSATIONS": "200"}

    def setUp(self):
        # What a first conversation loads stays, and is no leak.
        self.served()
        self.before = memory(self.server.process)

    def served(self):
        call = Call(self.server)
        self.assertIn("desk", call.wait("agent"))
        call.close()

    def tearDown(self):
        self.served()
        self.assertIsNone(self.server.process.poll(), "the server is still there")

    def grown(self):
        grown = (memory(self.server.process) - self.before) / MIB
        print(f"{self.before / MIB:.0f} MiB, {grown:+.1f} MiB", end=" ")
        return grown

    def socket_url(self):
        return self.server.socket_url("?agent_id=desk")

    def test_a_thousand_callers_at_once_are_served_or_told_why_not(self):
        async def one():
            async with websockets.connect(self.socket_url(), open_timeout=60, max_size=None) as caller:
                await caller.send(INITIATION)
                first = json.loads(await asyncio.wait_for(caller.recv(), 60))
                if first["type"] == "conversation_initiation_metadata":
                    await asyncio.sleep(1)
                    return "served"
                self.assertEqual(first["type"], "error")
                try:
                    await asyncio.wait_for(caller.recv(), 60)
                except websockets.ConnectionClosed as closed:
                    return closed.rcvd.code
        async def run():
            return await asyncio.gather(*(one() for _ in range(1000)))
        outcomes = asyncio.run(run())
        self.assertEqual(set(outcomes) - {"served", 3008}, set())
        self.assertGreaterEqual(outcomes.count("served"), 200)
        self.assertLess(self.grown(), 300)

    def test_ten_megabytes_a_hundred_times_leave_nothing_behind(self):
        async def one(number):
            async with websockets.connect(self.socket_url(), max_size=None) as caller:
                await caller.send(INITIATION)
                try:
                    await caller.send('{"user_audio_chunk":"' + "A" * (10 * MIB))
                    async for _ in caller:
                        pass
                except websockets.ConnectionClosed:
                    pass
                return caller.close_code if hasattr(caller, "close_code") else caller.protocol.close_code
        async def run():
            codes = []
            for _ in range(10):
                codes += await asyncio.gather(*(one(number) for number in range(10)))
            return codes
        self.assertEqual(set(asyncio.run(run())), {1008})
        self.assertLess(self.grown(), 64)

    def test_a_flood_of_messages_is_held_up_and_not_piled_up(self):
        chunk = json.dumps({"user_audio_chunk": base64.b64encode(bytes(30_000)).decode()})
        async def one():
            async with websockets.connect(self.socket_url(), max_size=None) as caller:
                await caller.send(json.dumps({"type": "conversation_initiation_client_data"}))
                until = time.monotonic() + 5
                try:
                    while time.monotonic() < until:
                        await asyncio.wait_for(caller.send(chunk), 1)
                except (asyncio.TimeoutError, websockets.ConnectionClosed):
                    pass
        async def run():
            await asyncio.gather(*(one() for _ in range(8)), return_exceptions=True)
        asyncio.run(asyncio.wait_for(run(), 60))
        self.assertLess(self.grown(), 128)

    def test_half_open_sockets_and_those_who_never_read_hold_little(self):
        address = self.server.url.removeprefix("http://").split(":")
        halves = []
        for number in range(300):
            half = socket.create_connection((address[0], int(address[1])))
            half.sendall(b"GET /v1/convai/conv" if number % 2 else b"")
            halves.append(half)

        async def deaf():
            caller = await websockets.connect(self.socket_url(), max_size=None, max_queue=1)
            await caller.send(INITIATION)
            # Nothing is read; each of these is answered.
            for _ in range(200):
                await caller.send(json.dumps({"type": "user_message", "text": "tell me a story"}))
            await asyncio.sleep(2)
            caller.transport.abort()
        async def run():
            await asyncio.gather(*(deaf() for _ in range(20)), return_exceptions=True)
        asyncio.run(asyncio.wait_for(run(), 120))
        self.served()
        self.assertLess(self.grown(), 128)
        for half in halves:
            half.close()

    def test_a_thousand_short_calls_leave_nothing_behind(self):
        async def one():
            async with websockets.connect(self.socket_url(), max_size=None) as caller:
                await caller.send(INITIATION)
                await caller.recv()
        async def run(count):
            for _ in range(count // 20):
                await asyncio.gather(*(one() for _ in range(20)))
        asyncio.run(run(400))
        warm = memory(self.server.process)
        asyncio.run(run(1000))
        grown = (memory(self.server.process) - warm) / MIB
        print(f"{warm / MIB:.0f} MiB, {grown:+.1f} MiB", end=" ")
        self.assertLess(grown, 24)


if __name__ == "__main__":
    house.unittest.main()
