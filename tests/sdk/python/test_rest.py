"""What the SDK's client asks for before and around a conversation."""

import asyncio

import house
from house import Call, Case
from elevenlabs import AsyncElevenLabs
from elevenlabs.core.api_error import ApiError


def root(client):
    # The third generation moved everything up, under another name.
    return client.agents if hasattr(client, "agents") else client.conversational_ai


def agents_of(client):
    part = root(client)
    return part if hasattr(part, "create") else part.agents


class Rest(Case):
    def setUp(self):
        self.part = root(self.server.client())
        self.agents = agents_of(self.server.client())

    def test_signed_urls_open_a_conversation(self):
        given = self.part.conversations.get_signed_url(agent_id="desk", include_conversation_id=True)
        self.assertTrue(given.signed_url.startswith(self.server.url.replace("http", "ws", 1)), given)
        self.assertIn("conversation_id=conv_", given.signed_url)

    def test_webrtc_is_refused_with_the_way_out(self):
        with self.assertRaises(ApiError) as refused:
            self.part.conversations.get_webrtc_token(agent_id="desk")
        self.assertEqual(refused.exception.status_code, 501)
        self.assertIn("websocket", str(refused.exception.body))

    def test_an_agent_comes_back_as_it_was_made_and_changes_where_it_is_told_to(self):
        config = {
            "agent": {"first_message": "Hi {{name}}.", "language": "en",
                      "dynamic_variables": {"dynamic_variable_placeholders": {"name": "you"}},
                      "prompt": {"prompt": "Be kind.", "temperature": 0.4, "max_tokens": 300,
                                 "built_in_tools": {"end_call": {"name": "end_call", "params": {"system_tool_type": "end_call"}}}}},
            "tts": {"voice_id": "any", "agent_output_audio_format": "pcm_24000", "stability": 0.6},
            "turn": {"turn_timeout": 9, "turn_eagerness": "patient"},
            "conversation": {"max_duration_seconds": 120, "client_events": ["audio", "agent_response"]},
            "language_presets": {"fr": {"overrides": {"agent": {"first_message": "Bonjour."}}}},
        }
        made = self.agents.create(name="Kind", conversation_config=config, tags=["one", "two"],
                                  platform_settings={"call_limits": {"daily_limit": 7}})
        agent = self.agents.get(made.agent_id)
        self.assertEqual((agent.name, agent.tags), ("Kind", ["one", "two"]))
        self.assertEqual(agent.conversation_config.turn.turn_timeout, 9)
        self.assertEqual(agent.conversation_config.tts.agent_output_audio_format, "pcm_24000")
        self.assertEqual(agent.conversation_config.conversation.max_duration_seconds, 120)
        self.assertEqual(agent.platform_settings.call_limits.daily_limit, 7)
        changed = self.agents.update(made.agent_id, conversation_config={"turn": {"turn_timeout": 5}}, tags=["three"])
        self.assertEqual(changed.conversation_config.turn.turn_timeout, 5)
        self.assertEqual(changed.conversation_config.turn.turn_eagerness, "patient")
        self.assertEqual(changed.tags, ["three"])
        call = Call(self.server, made.agent_id)
        self.assertEqual(call.wait("agent"), "Hi you.")
        call.close()
        self.agents.delete(made.agent_id)
        with self.assertRaises(ApiError):
            self.agents.delete(made.agent_id)

    def test_lists_come_in_pages(self):
        made = [self.agents.create(name=f"Page {number}", conversation_config={}).agent_id for number in range(3)]
        seen, cursor = [], None
        while True:
            page = self.agents.list(page_size=2, search="Page", **({"cursor": cursor} if cursor else {}))
            seen += [agent.agent_id for agent in page.agents]
            cursor = page.next_cursor
            if not page.has_more:
                break
        self.assertEqual(sorted(seen), sorted(made))
        for agent in made:
            self.agents.delete(agent)

    def test_tools_are_made_named_by_agents_and_called(self):
        tools = self.part.tools
        tool = tools.create(request={"tool_config": {
            "type": "client", "name": "find_order", "description": "Looks an order up.", "expects_response": True,
            "parameters": {"type": "object", "properties": {"order": {"type": "string", "description": "its number"}}}}})
        self.assertEqual(tools.get(tool.id).tool_config.name, "find_order")
        self.assertIn(tool.id, [other.id for other in tools.list().tools])
        changed = tools.update(tool.id, request={"tool_config": {
            "type": "client", "name": "find_order", "description": "Finds orders.", "expects_response": True}})
        self.assertEqual(changed.tool_config.description, "Finds orders.")
        made = self.agents.create(name="With a tool", conversation_config={
            "agent": {"first_message": "Hi.", "prompt": {"prompt": "Help.", "tool_ids": [tool.id]}}})
        self.assertTrue(tools.get_dependent_agents(tool.id).agents)
        self.agents.delete(made.agent_id)
        tools.delete(tool.id)
        with self.assertRaises(ApiError) as refused:
            tools.get(tool.id)
        self.assertEqual(refused.exception.status_code, 404)

    def test_mistakes_are_named(self):
        with self.assertRaises(ApiError) as refused:
            self.agents.create(name="Broken", conversation_config={"agent": {"first_message": 7}})
        self.assertIn(refused.exception.status_code, (400, 422))
        with self.assertRaises(ApiError) as refused:
            self.part.conversations.get_signed_url(agent_id="nobody")
        self.assertEqual(refused.exception.status_code, 404)

    def test_the_asynchronous_client_does_the_same(self):
        async def run():
            client = AsyncElevenLabs(base_url=self.server.url, api_key="any")
            agents = agents_of(client)
            made = await agents.create(name="Later", conversation_config={"agent": {"first_message": "Hi."}})
            self.assertEqual((await agents.get(made.agent_id)).name, "Later")
            copy = await agents.duplicate(made.agent_id)
            for agent in (made, copy):
                await agents.delete(agent.agent_id)
        asyncio.run(run())


if __name__ == "__main__":
    house.unittest.main()
