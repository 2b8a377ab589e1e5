"""An agent at the track passes telemetry on while a file goes the same way; the relay records and serves it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time

import httpx
import pytest

from tests.support.field import Field, data_of
from tests.support.telemetry_world import Pilot
from transfer_core.telemetry.frames import decode_frame
from transfer_core.telemetry.log import LogReader

aiohttp = pytest.importorskip("aiohttp", reason="aiohttp is not installed: viewers are NOT tested")
RATE_HZ = 100
SETTLED_S = 3.0  # nothing that is on its way is on it for so long


TWO_LINKS = """
[[link]]
name = "wifi"
rate_mbps = 40
delay_ms = 5
[[link]]
name = "lte"
rate_mbps = 20
delay_ms = 20
loss = 0.015
"""


class Flying(threading.Thread):
    """A pilot in a thread, and what was sent."""

    def __init__(self, port: int, drone: int = 0) -> None:
        super().__init__(daemon=True)
        self.pilot = Pilot(port, drone=drone)
        self.over = threading.Event()
        self.start()

    def run(self) -> None:
        while not self.over.wait(1 / RATE_HZ):  # what this machine is late with it does not send in one burst
            self.pilot.fly(1)

    def land(self) -> list[bytes]:
        self.over.set()
        self.join()
        self.pilot.close()
        return self.pilot.sent


def _ask(http: str) -> httpx.Client:
    client = httpx.Client(base_url=http, timeout=60)
    body = {"username": "Ada", "password": "correct horse"}
    client.post("/create_user", json=body)
    client.headers["Authorization"] = f"Bearer {client.post('/login', json=body).json()['token']}"
    return client


def _until(ask, what: str, within_s: float = 60.0):
    end = time.monotonic() + within_s
    while not (found := ask()):
        assert time.monotonic() < end, what
        time.sleep(0.1)
    return found


def _until_no_more_comes(client: httpx.Client, race_id: str) -> None:
    """What was sent last is on its way for a while."""
    before, since = -1, time.monotonic()
    while time.monotonic() < since + SETTLED_S:
        count = client.get("/list_races").json()[race_id]["datagrams"]
        if count != before:
            before, since = count, time.monotonic()
        time.sleep(0.1)


async def _watch(address: str, token: str, frames: int) -> list[tuple[int, list[str]]]:
    """Sequence numbers, and who is in the frames."""
    seen: list[tuple[int, list[str]]] = []
    sources: list[str] = []
    widths: dict[int, list[int]] = {}
    headers = {"Authorization": token}
    async with aiohttp.ClientSession() as session, session.ws_connect(address, headers=headers) as viewer:
        while len(seen) < frames:
            message = await asyncio.wait_for(viewer.receive(), 60)
            if message.type is aiohttp.WSMsgType.TEXT:
                told = json.loads(message.data)
                if told["type"] == "layout":
                    sources = [source["source"] for source in told["sources"]]
                    widths[told["layout"]] = [len(source["channels"]) for source in told["sources"]]
            elif message.type is aiohttp.WSMsgType.BINARY:
                frame = decode_frame(message.data, widths[int.from_bytes(message.data[12:16], "little")])
                seen.append((frame.sequence, [sources[row.source] for row in frame.rows]))
    return seen


def test_it_is_there_live_beside_a_file_and_recorded_under_the_agent_s_name(field: Field) -> None:
    relay = field.start_relay("--http", "127.0.0.1:0", "--races")
    http = relay.wait_for("ready")["http"]
    field.pair()
    bulk = field.folder / "bulk.bin"
    bulk.write_bytes(data_of(20_000_000))
    agent = field.start_agent("--telemetry", "0")
    port = int(agent.wait_for("ready")["telemetry"][0].rpartition(":")[2])
    flying = Flying(port)
    with contextlib.closing(_ask(http)) as client:
        (race,) = _until(lambda: list(client.get("/list_races").json().values()), "the race")
        assert (race["udp_port"], race["name"]) == (port, f"UDP {port} ({race['name'].split('(')[1]}")
        assert race["name"].endswith(", live)")
        _until(lambda: client.get("/list_races").json()[race["race_id"]]["datagrams"] > 50, "datagrams")
        field.upload(bulk)
        field.wait_job(lambda job: job["bytes_done"] > 0)
        address = f"{http.replace('http', 'ws')}/race/{port}"
        seen = asyncio.run(_watch(address, client.headers["Authorization"], 60))
        assert [number for number, _ in seen] == sorted({number for number, _ in seen})
        (names,) = {tuple(names) for _, names in seen if names}
        assert names[0].endswith("/" + flying.pilot.source_id)
        field.wait_job(lambda job: job["status"] == "completed")
        sent = flying.land()
        _until_no_more_comes(client, race["race_id"])
        client.delete(f"/end_race/{race['race_id']}")

        def saved() -> bool:
            races = client.get("/saved_races").json()
            return any(each["race_id"] == race["race_id"] and each["status"] == "saved" for each in races)

        _until(saved, "the end of the race")
    assert agent.stop() == 0
    assert relay.stop() == 0
    with LogReader(field.folder / "r" / "telemetry" / "races" / race["race_id"] / "race.drslog") as reader:
        batches = [record.arrivals for record in reader.records() if record.arrivals is not None]
    kept = _kept(field, race["race_id"])
    times = [time_ns for batch in batches for time_ns in batch.time_ns]
    places = {datagram: place for place, datagram in enumerate(sent)}
    order = [places[datagram] for datagram in kept]
    assert order == sorted(set(order))
    assert times == sorted(times)
    assert len(kept) >= 0.97 * (len(sent) - order[0])  # but for what was sent before the relay had answered
    assert field.arrived() == {"bulk.bin": bulk.read_bytes()}


def _kept(field: Field, race_id: str) -> list[bytes]:
    with LogReader(field.folder / "r" / "telemetry" / "races" / race_id / "race.drslog") as reader:
        batches = [record.arrivals for record in reader.records() if record.arrivals is not None]
    return [datagram for batch in batches for datagram in batch.datagrams]


def test_a_link_that_is_killed_leaves_no_gap_though_the_other_one_loses(field: Field) -> None:
    field.links.write_text(TWO_LINKS)
    http = field.start_relay("--http", "127.0.0.1:0", "--races").wait_for("ready")["http"]
    field.pair()
    agent = field.start_agent("--telemetry", "0")
    port = int(agent.wait_for("ready")["telemetry"][0].rpartition(":")[2])
    bulk = field.folder / "bulk.bin"
    bulk.write_bytes(data_of(30_000_000))
    field.upload(bulk)
    flying = [Flying(port, drone) for drone in range(4)]
    with contextlib.closing(_ask(http)) as client:
        (race,) = _until(lambda: list(client.get("/list_races").json().values()), "the race")

        def come(count: int) -> bool:
            return client.get("/list_races").json()[race["race_id"]]["datagrams"] > count

        _until(lambda: come(400), "datagrams")
        assert field.say("link", "kill", "wifi").code == 0
        _until(lambda: come(2400), "datagrams by the other link")
        assert field.say("link", "restore", "wifi").code == 0
        _until(lambda: come(3000), "datagrams by both")
        sent = [each.land() for each in flying]
        _until_no_more_comes(client, race["race_id"])
        client.delete(f"/end_race/{race['race_id']}")
    assert agent.stop() == 0
    kept = _kept(field, race["race_id"])
    for datagrams in sent:
        places = {datagram: place for place, datagram in enumerate(datagrams)}
        came = [places[datagram] for datagram in kept if datagram in places]
        # but for what was sent before the relay had answered
        assert sorted(set(range(came[0], len(datagrams))) - set(came)) == []
        assert came == sorted(came)


def test_an_agent_says_goodbye_by_all_links_so_that_its_race_ends_with_it(field: Field) -> None:
    field.links.write_text(TWO_LINKS)
    http = field.start_relay("--http", "127.0.0.1:0", "--races").wait_for("ready")["http"]
    field.pair()
    agent = field.start_agent("--telemetry", "0")
    port = int(agent.wait_for("ready")["telemetry"][0].rpartition(":")[2])
    flying = Flying(port)
    with contextlib.closing(_ask(http)) as client:
        (race,) = _until(lambda: list(client.get("/list_races").json().values()), "the race")
        _until(lambda: client.get("/list_races").json()[race["race_id"]]["datagrams"] > 20, "datagrams")
        flying.land()
        assert field.say("link", "kill", "wifi").code == 0  # which answers fastest, so that messages ride it
        assert agent.stop() == 0
        _until(lambda: not client.get("/list_races").json(), "the end of the race", within_s=60.0)


def test_a_relay_without_telemetry_refuses_it_and_files_go_on(field: Field) -> None:
    field.start_relay()
    field.pair()
    agent = field.start_agent("--telemetry", "0")
    port = int(agent.wait_for("ready")["telemetry"][0].rpartition(":")[2])
    flying = Flying(port)
    small = field.folder / "small.bin"
    small.write_bytes(data_of(300_000))
    field.upload(small)
    field.wait_job(lambda job: job["status"] == "completed")
    flying.land()
    assert agent.stop() == 0


def test_a_relay_that_is_not_paired_is_wrong_usage(field: Field) -> None:
    answer = field.run("agent", "--once", "--telemetry", "0")
    assert answer.code == 2
    assert "--telemetry-to" in answer.err
