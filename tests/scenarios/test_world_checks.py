"""What watches the worlds does complain: each promise is broken once, in a world that is stopped in mid-transfer."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support import world_checks
from tests.support.session_world import S, SessionWorld, WorldFile
from tests.support.world_checks import STARVED_NS
from transfer_core.protocol.outgoing_file import OutgoingFile
from transfer_core.sim.conditions import LinkConditions


@pytest.fixture
def world() -> SessionWorld:
    world = SessionWorld([LinkConditions(rate_mbps=8, delay_ms=10)] * 2, seed=5)
    world.add_file(WorldFile("a", np.random.default_rng(5).bytes(3_000_000)))
    assert not world.run(limit_s=1.0)
    assert world.bytes_written > 0
    return world


def _file(world: SessionWorld) -> OutgoingFile:
    (file,) = world.sender.files.values()
    return file


def test_a_nonce_that_is_used_twice_is_noticed(world: SessionWorld) -> None:
    transmit = world.sender.poll_transmit(world.now_ns + S)
    assert transmit is not None
    world.checks.nonces(1, transmit, 0)
    with pytest.raises(AssertionError, match=r"seed 5: packet number .* is used twice"):
        world.checks.nonces(1, transmit, 0)
    world.checks.nonces(2, transmit, 0)  # of another session, and so under another key
    world.checks.nonces(2, transmit, 1)


def test_what_is_said_to_be_stored_and_is_not_is_noticed(world: SessionWorld) -> None:
    world.checks.stored(world.sender, world.disk)
    part, file = world.disk.parts["a"], _file(world)
    file.stored[np.flatnonzero(~part.durable)[0]] = True
    with pytest.raises(AssertionError, match="a: stored, but it is not"):
        world.checks.stored(world.sender, world.disk)


def test_a_live_path_that_carries_nothing_is_noticed(world: SessionWorld) -> None:
    alive, now_ns = {0: True, 1: True}, world.now_ns
    world.checks.starved(world.sender, 9, now_ns, alive)
    world.sender.paths[0].data_bytes += 1
    world.checks.starved(world.sender, 9, now_ns + STARVED_NS, alive)
    world.sender.paths[0].data_bytes += 1
    with pytest.raises(AssertionError, match="path 1 is alive and carries nothing"):
        world.checks.starved(world.sender, 9, now_ns + 2 * STARVED_NS, alive)


def test_a_dead_path_and_one_that_may_not_carry_starve_nobody(world: SessionWorld) -> None:
    world.sender.paths[1].carries_data = False
    for at_s in range(60):
        world.checks.starved(world.sender, 9, world.now_ns + at_s * S, {0: False, 1: True})


@pytest.mark.parametrize(
    ("bound", "what"),
    [
        ("WINDOW_PACKETS_MAX", "packet numbers open"),
        ("IN_FLIGHT_SPARE_BYTES", "bytes in flight"),
        ("SLOTS", "chunks are held by the sender"),
        ("WINDOW_CHUNK_BYTES", "bytes are held by the receiver"),
        ("MESSAGES_MAX", "messages wait"),
    ],
)
def test_what_grows_beyond_its_bound_is_noticed(
    world: SessionWorld, monkeypatch: pytest.MonkeyPatch, bound: str, what: str
) -> None:
    link_bytes = {0: 0.0, 1: 0.0}
    world.checks.limits(world.sender, world.receiver, link_bytes)
    monkeypatch.setattr(world_checks, bound, -1)
    with pytest.raises(AssertionError, match=what):
        world.checks.limits(world.sender, world.receiver, link_bytes)


def test_a_file_that_arrives_as_another_is_noticed(world: SessionWorld) -> None:
    assert world.run(limit_s=60)
    world.assert_equal()
    world.disk.finished["a"] = world.disk.finished["a"][:-1] + b"?"
    with pytest.raises(AssertionError, match="a differs"):
        world.assert_equal()
