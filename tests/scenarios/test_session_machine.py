"""Sender, receiver and two links, and any run of trouble that can be thought of: the bytes are equal at the end."""

from __future__ import annotations

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.support.session_world import MS, SessionWorld, WorldFile
from transfer_core.sim.conditions import LinkConditions

LINKS = 2
END_S = 300.0


class SessionMachine(RuleBasedStateMachine):
    """Each rule lets time pass a little or changes what the world is like; at the end all trouble is over."""

    @initialize(seed=st.integers(0, 1 << 30), reorder=st.booleans(), window=st.sampled_from([4, 64]))
    def begin(self, seed: int, reorder: bool, window: int) -> None:
        calm = [LinkConditions(rate_mbps=4, delay_ms=10), LinkConditions(rate_mbps=1, delay_ms=40)]
        self.world = SessionWorld(calm, seed, reorder=reorder, window_chunks=window, coalesce_ns=2 * MS)
        self.add_file(50_000, 4096, 5)

    @precondition(lambda self: len(self.world.files) < 4)
    @rule(
        size=st.one_of(st.integers(0, 1), st.integers(2, 100_000)),
        chunk_bytes=st.sampled_from([4096, 65536]),
        priority=st.integers(1, 10),
    )
    def add_file(self, size: int, chunk_bytes: int, priority: int) -> None:
        number = len(self.world.files)
        data = np.random.default_rng([self.world.seed, number]).bytes(size)
        self.world.add_file(WorldFile(f"f{number}", data, chunk_bytes, priority))

    @rule(ms=st.integers(1, 600))
    def let_time_pass(self, ms: int) -> None:
        self.world.run(lambda: False, limit_s=ms / 1000)

    @rule(
        link=st.integers(0, LINKS - 1), loss=st.sampled_from([0.0, 0.05, 0.3, 0.7]), jitter=st.sampled_from([0.0, 8.0])
    )
    def change_link(self, link: int, loss: float, jitter: float) -> None:
        for way in (self.world.ups[link], self.world.downs[link]):
            assert way.conditions is not None
            way.change(way.conditions.changed({"loss": loss, "jitter_ms": jitter}))

    @rule(
        duplicate=st.sampled_from([0.0, 0.2]), replay=st.sampled_from([0.0, 0.2]), corrupt=st.sampled_from([0.0, 0.1])
    )
    def mangle(self, duplicate: float, replay: float, corrupt: float) -> None:
        trouble = self.world.trouble
        trouble.duplicate, trouble.replay, trouble.corrupt = duplicate, replay, corrupt

    @rule(link=st.integers(0, LINKS - 1), up=st.booleans(), down=st.booleans())
    def kill_link(self, link: int, up: bool, down: bool) -> None:
        for way, is_killed in ((self.world.ups[link], up), (self.world.downs[link], down)):
            (way.kill if is_killed else way.restore)()

    @rule(link=st.integers(0, LINKS - 1), carries_data=st.booleans(), redundant=st.booleans())
    def choose_paths(self, link: int, carries_data: bool, redundant: bool) -> None:
        self.world.sender.redundant = redundant
        for number, path in self.world.sender.paths.items():
            if number % LINKS == link:
                path.carries_data = carries_data

    @rule(link=st.integers(0, LINKS - 1))
    def renew_path(self, link: int) -> None:
        self.world.renew_path(next(number for number in self.world.sender.paths if number % LINKS == link))

    @rule(power=st.booleans(), ms=st.integers(0, 300))
    def crash(self, power: bool, ms: int) -> None:
        self.world.crash(power=power, for_ns=ms * MS)
        self.world.run(lambda: self.world.is_up, limit_s=1)

    @rule(ms=st.integers(1, 2000))
    def fill_disk(self, ms: int) -> None:
        self.world.fill_disk(ms * MS)

    @rule(side=st.integers(0, 1), ms=st.integers(1, 100_000))
    def jump_clock(self, side: int, ms: int) -> None:
        self.world.jump(side, ms * MS)

    def teardown(self) -> None:
        """The trouble is over: everything arrives."""
        if not hasattr(self, "world"):
            return
        world = self.world
        world.run(lambda: world.is_up, limit_s=2)
        for way in (*world.ups, *world.downs):
            way.restore()
        for path in world.sender.paths.values():
            path.carries_data = True
        assert world.run(limit_s=END_S), f"it did not end: {[file.arrived_ns for file in world.files]}"
        world.assert_equal()


SessionMachine.TestCase.settings = settings(max_examples=10, stateful_step_count=14)
TestSessionMachine = SessionMachine.TestCase
