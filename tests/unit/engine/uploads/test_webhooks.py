"""An agent tells a webhook what has arrived, also when the webhook was away for a while."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.chunk_server import ChunkServer
from tests.support.small_server import Handler, Reply, SmallServer, json_reply
from tests.support.upload_world import UploadWorld, wait_until
from transfer_core.errors import UsageError


class Hook(Handler):
    server_of: HookServer

    def is_piece(self) -> bool:
        return True

    def answer(self) -> Reply:
        names = ("webhook-id", "webhook-timestamp", "webhook-signature")
        self.server_of.told.append((*(self.headers[name] for name in names), self.content))
        return json_reply(ok=True)


class HookServer(SmallServer):
    handler = Hook

    def __init__(self) -> None:
        self.told: list[tuple[str, str, str, bytes]] = []
        super().__init__()


@pytest.fixture
def hook() -> Iterator[HookServer]:
    started = HookServer()
    started.start()
    yield started
    started.stop()


def test_a_webhook_is_told_what_arrived_signed_and_under_one_id_however_often(
    world: UploadWorld, hook: HookServer, tmp_path: Path
) -> None:
    server = ChunkServer(tmp_path / "server")
    server.start()
    refused: list[str] = []

    def refuse(handler: Handler) -> Reply:
        refused.append(handler.headers["webhook-id"])
        return json_reply(503)

    hook.faults.append(refuse)
    secret = world.agent.uploads.add_webhook(hook.url + "/hook")
    world.destination(server.url)
    job = world.arrive(world.queue(world.file("lap.bin", 1000)))
    wait_until(lambda: len(hook.told) == 1, "the message")
    server.stop()
    message_id, timestamp, signed, body = hook.told[0]
    assert refused == [message_id]
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    assert signed == "v1," + base64.b64encode(digest).decode()
    data = json.loads(body)["data"]
    assert (data["file_id"], data["file_hash"], data["size"]) == (job.file_id, job.file_hash, 1000)
    wait_until(lambda: world.agent.uploads.webhooks()[0].waiting == 0, "an empty outbox")


def test_what_could_not_be_told_is_told_after_a_restart_and_a_webhook_that_is_gone_no_more(
    world: UploadWorld, hook: HookServer
) -> None:
    url = hook.url + "/hook"
    hook.on_request = Handler.hang_up
    world.agent.uploads.add_webhook(url)
    world.agent.uploads.test_webhook(url)
    wait_until(lambda: len(hook.requests) >= 1, "an attempt")
    world.restart()
    hook.on_request = None
    wait_until(lambda: len(hook.told) == 1, "the message")
    hook.on_request = lambda _: json_reply(410)
    world.agent.uploads.test_webhook(url)
    wait_until(lambda: "410" in world.agent.uploads.webhooks()[0].disabled, "that it is switched off")
    world.agent.uploads.remove_webhook(url)
    assert world.agent.uploads.webhooks() == []


def test_what_is_no_address_or_no_secret_is_refused(world: UploadWorld) -> None:
    for url, secret in (("s3://bucket", ""), ("hook", ""), ("http://host/hook", "whsec_short")):
        with pytest.raises(UsageError):
            world.agent.uploads.add_webhook(url, secret)
