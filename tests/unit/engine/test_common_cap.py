"""What goes over UDP and over HTTP together keeps to one cap, whoever has how much to send."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.chunk_server import ChunkServer
from tests.support.upload_world import UploadWorld
from transfer_core.engine.common_cap import CommonCap, LinkCaps, Use, split
from transfer_core.engine.local_service import LocalService
from transfer_core.service import UploadLimits
from transfer_core.units import NS_PER_MS, NS_PER_S

CAP = 1_000_000.0  # bytes per second
PARTS = st.floats(0, 2)
USES = st.builds(Use, used=PARTS, is_busy=st.booleans(), wants_more=st.booleans())


@dataclass(slots=True)
class Side:
    """One that could send `could` bytes per second, and sends what its part allows."""

    could: float
    part: float = 0.0
    sent: float = 0.0

    def pass_time(self, seconds: float) -> None:
        self.sent += min(self.could, self.part * CAP) * seconds

    def use(self) -> tuple[int, bool]:
        return round(self.sent), self.could > self.part * CAP

    def set_part(self, part: float) -> None:
        self.part = part


def _play(udp: Side, http: Side, common: CommonCap, seconds: float, now_ns: int = 0) -> int:
    end_ns = now_ns + round(seconds * NS_PER_S)
    while now_ns < end_ns:
        udp.set_part(common.turn(CAP, round(udp.sent), udp.could > 0, now_ns) / CAP)
        assert udp.part + http.part <= 1 + 1e-9
        now_ns += 200 * NS_PER_MS
        for side in (udp, http):
            side.pass_time(0.2)
    return now_ns


@given(USES, USES)
def test_the_parts_always_make_up_the_whole_and_nobody_is_shut_out(udp: Use, http: Use) -> None:
    parts = split(udp, http)
    assert sum(parts) == 1
    assert min(parts) >= 0.05 - 1e-9


def test_two_that_want_all_get_a_half_each_soon() -> None:
    udp, http = Side(10 * CAP), Side(10 * CAP)
    common = CommonCap(http)
    _play(udp, http, common, 1.0)
    assert (udp.part, http.part) == (0.5, 0.5)


def test_what_one_leaves_the_other_uses_and_gives_back_within_two_seconds() -> None:
    udp, http = Side(0), Side(10 * CAP)
    common = CommonCap(http)
    now_ns = _play(udp, http, common, 2.0)
    assert http.part >= 0.9
    udp.could = 10 * CAP
    now_ns = _play(udp, http, common, 2.0, now_ns)
    assert (udp.part, http.part) == (0.5, 0.5)
    http.could = 0
    _play(udp, http, common, 2.0, now_ns)
    assert udp.part >= 0.9


def test_one_on_a_slow_link_keeps_no_more_than_it_can_use() -> None:
    udp, http = Side(0.2 * CAP), Side(10 * CAP)
    common = CommonCap(http)
    _play(udp, http, common, 3.0)
    assert 0.2 <= udp.part <= 0.36
    assert http.part >= 0.64


@dataclass(slots=True)
class LinkWorld:
    """What goes over the link `lte` by HTTP, and by UDP under `caps`; there is HTTP as long as it could send."""

    http: Side
    udp: Side

    def is_there(self) -> bool:
        return self.http.could > 0

    def use(self) -> tuple[int, bool]:
        return self.http.use()

    def set_part(self, part: float) -> None:
        self.http.set_part(part)

    def play(self, caps: LinkCaps, seconds: float, now_ns: int) -> tuple[int, float, float]:
        """Until when, and what both have sent in bytes per second."""
        before, begun_ns, end_ns = (self.udp.sent, self.http.sent), now_ns, now_ns + round(seconds * NS_PER_S)
        while now_ns < end_ns:
            self.udp.set_part(caps.turn("lte", CAP, round(self.udp.sent), self.udp.could > 0, now_ns) / CAP)
            now_ns += 200 * NS_PER_MS
            for side in (self.udp, self.http):
                side.pass_time(0.2)
        took_s = (now_ns - begun_ns) / NS_PER_S
        return now_ns, (self.udp.sent - before[0]) / took_s, (self.http.sent - before[1]) / took_s


def test_a_link_without_http_is_all_for_udp_and_one_with_both_is_shared() -> None:
    world = LinkWorld(http=Side(0), udp=Side(10 * CAP))
    asked: list[str] = []

    def side_of(link: str) -> LinkWorld:
        asked.append(link)
        return world

    caps = LinkCaps(side_of)
    now_ns, udp, _ = world.play(caps, 3.0, 0)
    assert udp == CAP
    world.http.could = 10 * CAP
    now_ns, udp, http = world.play(caps, 0.4, now_ns)
    assert udp + http <= 1.05 * CAP
    now_ns, _, _ = world.play(caps, 1.0, now_ns)
    now_ns, udp, http = world.play(caps, 3.0, now_ns)
    assert (udp, http) == (CAP / 2, CAP / 2)
    world.http.could = 0.1 * CAP
    now_ns, _, _ = world.play(caps, 2.0, now_ns)
    now_ns, udp, http = world.play(caps, 3.0, now_ns)
    assert http == pytest.approx(0.1 * CAP)
    assert 0.85 * CAP <= udp + http <= CAP  # a little room is left for it to grow
    world.http.could = 0
    now_ns, _, _ = world.play(caps, 1.0, now_ns)
    assert world.play(caps, 2.0, now_ns)[1] == CAP
    assert set(asked) == {"lte"}


def test_a_link_that_no_udp_goes_over_is_all_for_http() -> None:
    world = LinkWorld(http=Side(10 * CAP), udp=Side(10 * CAP))
    caps = LinkCaps(lambda _: world)
    world.play(caps, 2.0, 0)
    caps.leave("lte")
    assert world.http.part == 1.0


def keeps_to(cap_bytes_per_s: float, *came: Callable[[], int], least: float, begun_s: float) -> None:
    """Until each had that part of the cap for two seconds; all of them together never had more than the cap.

    What came is held against the time since before the first byte, so that it does not matter when this thread looks.
    """
    looks = [(begun_s, tuple(count() for count in came))]
    while True:
        time.sleep(0.1)
        counts, now_s = tuple(count() for count in came), time.monotonic()
        assert sum(counts) <= cap_bytes_per_s * (1.1 * (now_s - begun_s) + 0.5), looks[-30:]
        looks.append((now_s, counts))
        then_s, then = next(look for look in reversed(looks) if look[0] <= now_s - 2 or look is looks[0])
        if then_s > begun_s and all(
            now - before >= least * cap_bytes_per_s * (now_s - then_s) for now, before in zip(counts, then, strict=True)
        ):
            return
        assert now_s - begun_s < 100, looks[-30:]


@pytest.mark.parametrize("what", ["all", "one link"])
def test_udp_and_http_of_one_agent_keep_to_one_cap_and_share_it(tmp_path: Path, what: str) -> None:
    cap_bytes_per_s = 400_000
    host, world = LocalService(tmp_path / "host"), UploadWorld(tmp_path)
    server = ChunkServer(tmp_path / "box")
    server.start()
    try:
        host.start_relay(str(tmp_path / "in"), "127.0.0.1:0")
        world.agent.pair(host.relay_token().text, "pit")
        world.destination(server.url, kind="chunked")
        if what == "all":
            world.agent.uploads.change_limits(UploadLimits(all_bps=cap_bytes_per_s * 8))
        else:
            caps = {"lo": cap_bytes_per_s * 8 / 1e6}
            world.agent.change_settings(replace(world.agent.settings(), link_caps_mbps=caps))
        world.restart()  # so that it knows them before it sends
        files = [(world.file(name, 80_000_000), to) for name, to in (("udp.bin", "pit"), ("http.bin", "box"))]
        begun_s = time.monotonic()
        for path, to in files:
            world.queue(path, to=to)
        came = (lambda: host.relay().bytes_received, lambda: server.body_bytes_read)
        keeps_to(cap_bytes_per_s, *came, least=0.25, begun_s=begun_s)
    finally:
        world.stop()
        host.stop()
        server.stop()


def test_a_cap_of_one_relay_holds_over_udp(tmp_path: Path) -> None:
    host, world = LocalService(tmp_path / "host"), UploadWorld(tmp_path)
    try:
        host.start_relay(str(tmp_path / "in"), "127.0.0.1:0")
        world.agent.pair(host.relay_token().text, "pit")
        world.agent.uploads.change_limits(UploadLimits(by_destination={"pit": 3.2e6}))
        world.restart()  # so that it knows them before it sends
        path = world.file("stint.bin", 80_000_000)
        begun_s = time.monotonic()
        world.queue(path, to="pit")
        keeps_to(400_000, lambda: host.relay().bytes_received, least=0.3, begun_s=begun_s)
    finally:
        world.stop()
        host.stop()
