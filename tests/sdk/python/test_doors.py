"""Ways in: public, signed, self-hosted; and the REST that leads there."""

import house
from house import Call, Case, Orchestrator, sdk
from elevenlabs.core.api_error import ApiError


def rest(server):
    client = server.client()
    # The third generation moved them up.
    return client.agents if hasattr(client, "agents") else client.conversational_ai.agents


class OpenServer(Case):
    def test_the_self_hosted_door_takes_the_agent_along(self):
        setup = Orchestrator(
            self.server.socket_url(),
            agent_config_dict={"agent": {"first_message": "I came along with you.", "language": "en",
                                         "prompt": {"prompt": "The shop opens at nine. The shop closes at six."}}},
            prompt_knowledge_base=["The shop sells bread."])
        call = Call(self.server, on_prem=setup)
        self.assertEqual(call.wait("agent"), "I came along with you.")
        call.session.send_user_message("When does the shop open?")
        self.assertIn("nine", call.wait("agent"))
        call.close()

    def test_agents_made_by_the_sdk_can_be_talked_to(self):
        agents = rest(self.server)
        made = agents.create(name="Made", conversation_config={
            "agent": {"first_message": "I was just made.", "prompt": {"prompt": "You are new."}}})
        shown = agents.get(made.agent_id)
        self.assertEqual(shown.name, "Made")
        self.assertEqual(shown.conversation_config.agent.first_message, "I was just made.")
        changed = agents.update(made.agent_id, name="Renamed")
        self.assertEqual(changed.name, "Renamed")
        copy = agents.duplicate(made.agent_id, name="Copy")
        ids = [agent.agent_id for agent in agents.list(page_size=100).agents]
        self.assertIn(made.agent_id, ids)
        self.assertIn(copy.agent_id, ids)
        call = Call(self.server, made.agent_id)
        self.assertEqual(call.wait("agent"), "I was just made.")
        call.close()
        agents.delete(made.agent_id)
        with self.assertRaises(ApiError) as refused:
            agents.get(made.agent_id)
        self.assertEqual(refused.exception.status_code, 404)

    def test_files_cannot_be_changed(self):
        agents = rest(self.server)
        with self.assertRaises(ApiError) as refused:
            agents.update("desk", name="Mine")
        self.assertEqual(refused.exception.status_code, 409)


class ServerWithKeys(Case):
    environment = {"API_KEYS": "right-key"}

    def test_a_signed_url_is_asked_for_and_used(self):
        call = Call(self.server, "private", key="right-key", requires_auth=True)
        self.assertEqual(call.wait("agent"), "This line is private.")
        call.close()

    def test_a_public_agent_needs_no_key(self):
        call = Call(self.server, "desk", key="wrong-key")
        self.assertIn("desk", call.wait("agent"))
        call.close()

    def test_a_wrong_key_gets_no_signed_url(self):
        with self.assertRaises(ApiError) as refused:
            Call(self.server, "private", key="wrong-key", requires_auth=True)
        self.assertEqual(refused.exception.status_code, 401)

    def test_a_private_agent_cannot_be_called_without(self):
        call = Call(self.server, "private")
        call.wait("end")
        self.assertFalse([what for kind, what in call.log if kind == "agent"])


if __name__ == "__main__":
    house.unittest.main()
