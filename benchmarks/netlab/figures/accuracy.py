"""Whether the lab's links are what they are set to be: set against measured, before anything else is believed."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.figure import Bench, Figure, Goal, Result, Table
from benchmarks.netlab.lab import LinkSpec, lab
from benchmarks.netlab.probe import Probed, probe
from transfer_core.sim.conditions import LinkConditions

CASES = (
    LinkSpec("plain", LinkConditions(rate_mbps=50, delay_ms=5)),
    LinkSpec("long", LinkConditions(rate_mbps=50, delay_ms=100, loss=0.01, queue_ms=200)),
    LinkSpec("bad", LinkConditions(rate_mbps=50, delay_ms=30, loss=0.3)),
    LinkSpec("worst", LinkConditions(rate_mbps=50, delay_ms=30, loss=0.7)),
    LinkSpec("bursty", LinkConditions(rate_mbps=50, delay_ms=30, burst_loss=0.05)),
    LinkSpec("jittery", LinkConditions(rate_mbps=50, delay_ms=30, jitter_ms=8), reorder=True),
    LinkSpec("fast", LinkConditions(rate_mbps=100, delay_ms=10)),
    LinkSpec("slow", LinkConditions(rate_mbps=2, delay_ms=80, queue_ms=400)),
)
CEILING_MBPS = 600
SECONDS = 4.0


@dataclass(frozen=True, slots=True)
class Checked:
    """One link: a stream above its rate tells rate and queue, one below it delay and loss."""

    spec: LinkSpec
    above: Probed
    below: Probed
    cpu_share: float

    @property
    def rate_error(self) -> float:
        """Relative; of what passes the air."""
        conditions = self.spec.conditions
        passes = conditions.rate_mbps * (1 - conditions.loss) * (1 - conditions.burst_loss)
        return self.above.rate_mbps / passes - 1

    @property
    def delay_error_ms(self) -> float:
        """Beyond the delay and one packet's serialisation."""
        conditions = self.spec.conditions
        return self.below.delay_ms - conditions.delay_ms - 12 / conditions.rate_mbps

    @property
    def loss_error(self) -> float:
        """Absolute."""
        conditions = self.spec.conditions
        return self.below.loss - (1 - (1 - conditions.loss) * (1 - conditions.burst_loss))


def measure(bench: Bench) -> Result:
    """Each link by itself, then how much a forwarder carries at most."""
    cases = CASES[:4] if bench.quick else CASES
    checked = [_check(bench, spec) for spec in cases]
    ceiling_mbps, ceiling_cpu = _ceiling()
    rate = max(abs(each.rate_error) for each in checked)
    delay = max(abs(each.delay_error_ms) for each in checked)
    loss = max(abs(each.loss_error) for each in checked)
    goals = [
        Goal("rate against what was set", "within 2 %", f"{rate:.1%}", rate <= 0.02),
        Goal("delay of one way, median", "within 1 ms", f"{delay:.2f} ms", delay <= 1.0),
        Goal("loss", "within 2 points", f"{loss * 100:.1f} points", loss <= 0.02),
        Goal("one forwarder carries", ">= 100 Mbit/s", f"{ceiling_mbps:.0f} Mbit/s", ceiling_mbps >= 100),
    ]
    heads = (
        "link",
        "set",
        "rate measured",
        "loss measured",
        "delay, median",
        "deviation",
        "overtaken",
        "forwarder CPU",
    )
    note = (
        "Datagrams of 1,500 IP bytes, numbered and timed by one clock: at 1.2 times the rate for the rate, at a half "
        "of it for loss and delay. *Forwarder CPU* is the share of one core at 1.2 times the rate. At its ceiling a "
        "forwarder "
        f"took {ceiling_cpu:.0%} of a core for {ceiling_mbps:.0f} Mbit/s one way (what was offered)."
    )
    return Result(goals, [Table(heads, [_row(each) for each in checked])], notes=[note])


def _check(bench: Bench, spec: LinkSpec) -> Checked:
    rate = spec.conditions.rate_mbps
    with lab([spec], seed=bench.seed) as made:
        before = made.link.cpu_s()
        above = probe(made, rate * 1.2, SECONDS)
        cpu_share = (made.link.cpu_s() - before) / SECONDS
        below = probe(made, rate * 0.5, SECONDS * (2 if rate < 10 else 1))
    checked = Checked(spec, above, below, cpu_share)
    bench.log(f"{spec.name}: rate {checked.rate_error:+.2%}, delay {checked.delay_error_ms:+.2f} ms")
    return checked


def _ceiling() -> tuple[float, float]:
    """Mbit/s that pass at most, and the share of a core that they take."""
    with lab([LinkSpec("ceiling", LinkConditions(rate_mbps=10_000, queue_ms=1000))]) as made:
        before = made.link.cpu_s()
        probed = probe(made, CEILING_MBPS, SECONDS)
        return probed.rate_mbps, (made.link.cpu_s() - before) / SECONDS


def _row(each: Checked) -> tuple[str, ...]:
    conditions = each.spec.conditions
    setting = f"{conditions.rate_mbps:g} Mbit/s, {conditions.delay_ms:g} ms one way"
    if conditions.loss:
        setting += f", loss {conditions.loss:.0%}"
    if conditions.burst_loss:
        setting += f", {conditions.burst_loss:.0%} in bursts"
    if conditions.jitter_ms:
        setting += f", jitter {conditions.jitter_ms:g} ms" + (", reordering" if each.spec.reorder else "")
    return (
        each.spec.name,
        setting,
        f"{each.above.rate_mbps:.2f} Mbit/s ({each.rate_error:+.1%})",
        f"{each.below.loss:.2%}",
        f"{each.below.delay_ms:.2f} ms ({each.delay_error_ms:+.2f})",
        f"{each.below.delay_sd_ms:.2f} ms",
        str(each.below.overtaken),
        f"{each.cpu_share:.0%}",
    )


FIGURE = Figure(
    "net-accuracy",
    "The lab's links, checked",
    "Links between two network namespaces: a TUN device on each side and the product's link model between them. What "
    "was set against what a stream of datagrams measured, one way.",
    measure,
    order=200,
    repeated=False,
)
