import numpy as np
import pytest

from transfer_core.sim.conditions import LinkConditions
from transfer_core.sim.link import DROPPED, SimulatedLink, datagram_sizes

MS = 1_000_000
SIZES = datagram_sizes(100 * 1222, 1222)  # 1,250 bytes each with IP and UDP headers


def make_link(seed: int = 1, *, reorder: bool = False, **values: float) -> SimulatedLink:
    return SimulatedLink(LinkConditions(**values), np.random.default_rng(seed), reorder=reorder)


def offer_for(link: SimulatedLink, seconds: float, step_ns: int = MS, count: int = 10) -> np.ndarray:
    """Offer `count` datagrams every step; all releases in order."""
    sizes = datagram_sizes(count * 1222, 1222)
    return np.concatenate([link.offer(now_ns, sizes) for now_ns in range(0, round(seconds * 1e9), step_ns)])


def test_sizes_of_datagrams_end_with_the_short_one() -> None:
    assert datagram_sizes(2500, 1000).tolist() == [1000, 1000, 500]
    assert datagram_sizes(2000, 1000).tolist() == [1000, 1000]
    assert datagram_sizes(0, 1000).tolist() == []


def test_datagrams_leave_at_the_rate_of_ip_bytes_after_the_delay() -> None:
    link = make_link(rate_mbps=10, delay_ms=30, queue_ms=1000)
    releases = link.offer(5 * MS, SIZES)
    # 1,250 bytes at 10 Mbit/s take 1 ms
    assert releases.tolist() == [5 * MS + 30 * MS + MS * (n + 1) for n in range(100)]


def test_the_queue_drops_what_would_wait_too_long() -> None:
    link = make_link(rate_mbps=10, queue_ms=20)
    releases = link.offer(0, SIZES)
    assert (releases >= 0).sum() == 21  # one leaves at once, twenty wait from 1 to 20 ms
    assert (releases[21:] == DROPPED).all()
    assert link.counters.dropped_queue == 79
    assert (link.offer(10 * MS, SIZES) >= 0).sum() == 10  # room for as much as has drained


def test_an_empty_queue_always_takes_one() -> None:
    link = make_link(rate_mbps=1, queue_ms=0)
    assert (link.offer(0, SIZES) >= 0).tolist() == [True] + [False] * 99


@pytest.mark.parametrize("loss", [0.01, 0.3, 0.7])
def test_random_loss_is_as_asked_and_single(loss: float) -> None:
    link = make_link(rate_mbps=1000, loss=loss)
    releases = offer_for(link, 5.0)
    assert (releases == DROPPED).mean() == pytest.approx(loss, rel=0.1)
    assert link.counters.dropped_loss == (releases == DROPPED).sum()
    assert link.counters.dropped_queue == 0


@pytest.mark.parametrize("burst_loss", [0.02, 0.2, 0.6])
def test_burst_loss_has_the_average_asked_and_bursts_of_about_eight(burst_loss: float) -> None:
    link = make_link(rate_mbps=1000, burst_loss=burst_loss)
    lost = offer_for(link, 20.0) == DROPPED
    bursts = int(((~lost[:-1]) & lost[1:]).sum()) + int(lost[0])
    assert lost.mean() == pytest.approx(burst_loss, rel=0.15)
    assert lost.sum() / bursts == pytest.approx(8, rel=0.1)


def test_total_loss_delivers_nothing() -> None:
    assert (offer_for(make_link(rate_mbps=100, loss=1.0), 0.1) == DROPPED).all()


def test_jitter_wanders_without_reordering_and_has_the_spread_asked() -> None:
    link = make_link(rate_mbps=1000, delay_ms=50, jitter_ms=5)
    sent = np.repeat(np.arange(0, 20_000 * MS, 100 * MS), 1)
    delays = np.array([int(link.offer(int(now_ns), SIZES[:1])[0]) - now_ns for now_ns in sent])
    assert delays.std() == pytest.approx(5 * MS, rel=0.25)
    assert delays.mean() == pytest.approx(50 * MS, rel=0.05)
    steady = make_link(rate_mbps=100, delay_ms=50, jitter_ms=20)
    releases = offer_for(steady, 2.0, count=5)
    assert (np.diff(releases[releases >= 0]) >= 0).all()


def test_jitter_never_brings_a_datagram_before_it_was_serialised() -> None:
    link = make_link(rate_mbps=10, delay_ms=1, jitter_ms=50, queue_ms=1000)
    finish = MS * np.arange(1, 101)
    assert (link.offer(0, SIZES) >= finish).all()


def test_reordering_happens_only_where_it_is_asked_for() -> None:
    link = make_link(rate_mbps=1000, delay_ms=50, jitter_ms=5, reorder=True)
    assert (np.diff(link.offer(0, SIZES)) < 0).any()


def test_a_killed_link_drops_all_and_also_what_is_on_its_way() -> None:
    link = make_link(rate_mbps=100, delay_ms=10)
    assert (link.offer(0, SIZES[:5]) >= 0).all()
    link.kill()
    assert not link.deliver(5)
    assert (link.offer(MS, SIZES) == DROPPED).all()
    link.restore()
    assert (link.offer(2 * MS, SIZES[:5]) >= 0).all()
    assert link.deliver(5)
    counters = link.counters
    assert (counters.offered, counters.delivered, counters.dropped_killed, counters.dropped) == (110, 5, 105, 105)


def test_changed_conditions_hold_for_what_comes_next() -> None:
    link = make_link(rate_mbps=10, queue_ms=1000)
    link.offer(0, SIZES)
    link.change(LinkConditions(rate_mbps=100, queue_ms=1000))
    releases = link.offer(0, SIZES[:2])
    assert releases.tolist() == [100 * MS + MS // 10, 100 * MS + 2 * MS // 10]


def test_a_link_without_conditions_lets_all_through_at_once() -> None:
    link = SimulatedLink(None, np.random.default_rng(0))
    assert (link.offer(7, SIZES) == 7).all()


def test_the_same_seed_gives_the_same_run() -> None:
    values = {"rate_mbps": 20.0, "delay_ms": 10.0, "jitter_ms": 4.0, "loss": 0.1, "burst_loss": 0.1}
    first, second = (offer_for(make_link(9, **values), 1.0) for _ in range(2))
    other = offer_for(make_link(10, **values), 1.0)
    assert (first == second).all()
    assert (first != other).any()


@pytest.mark.parametrize("reorder", [False, True])
@pytest.mark.parametrize(
    "values",
    [
        {"rate_mbps": 3, "delay_ms": 12, "queue_ms": 30},
        {"rate_mbps": 7, "delay_ms": 5, "jitter_ms": 4, "loss": 0.2, "queue_ms": 50},
        {"rate_mbps": 9, "delay_ms": 1, "jitter_ms": 3, "burst_loss": 0.05, "loss": 0.01, "queue_ms": 10},
    ],
)
def test_a_datagram_that_is_offered_alone_fares_as_in_an_array_of_one(values: dict[str, float], reorder: bool) -> None:
    alone, in_array = (make_link(3, reorder=reorder, **values) for _ in range(2))
    rng = np.random.default_rng(4)
    now_ns = 0
    for turn in range(3000):
        now_ns += int(rng.exponential(0.6 * MS))
        size = int(rng.integers(20, 1473))
        if turn % 500 == 0:
            for link in (alone, in_array):
                link.kill() if turn % 1000 else link.restore()
        assert alone.offer_one(now_ns, size) == in_array.offer(now_ns, np.array([size]))[0]
    assert alone.counters == in_array.counters
    assert alone.counters.dropped_killed > 0
    assert alone.counters.dropped_queue > 0


def test_a_link_without_conditions_lets_one_through_at_once() -> None:
    assert SimulatedLink(None, np.random.default_rng(1)).offer_one(7, 100) == 7
