import pytest

from transfer_core.sim.manual_clock import ManualClock
from transfer_core.sim.seeded_entropy import SeededEntropy


def test_the_clock_moves_only_when_told_and_never_back() -> None:
    clock = ManualClock(monotonic_ns=5)
    wall_ns = clock.wall_ns()
    clock.advance(10)
    clock.jump_wall(-1000)
    assert clock.monotonic_ns() == 15
    assert clock.wall_ns() == wall_ns - 990
    with pytest.raises(ValueError, match="back"):
        clock.advance(-1)


def test_a_seed_gives_one_run_of_randomness() -> None:
    first, second, other = SeededEntropy(3), SeededEntropy(3), SeededEntropy(4)
    drawn = first.token_bytes(32)
    assert len(drawn) == 32
    assert second.token_bytes(32) == drawn != other.token_bytes(32)
    assert 0 <= first.uniform() < 1
