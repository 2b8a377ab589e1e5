import numpy as np
import pytest

from transfer_core.errors import ConfigError
from transfer_core.sim.conditions import LinkConditions
from transfer_core.sim.duplex import DuplexLink
from transfer_core.sim.script import ScriptPlayer, Step, StepKind, parse_simulation

GOOD = """
[[link]]
name = "wifi"
rate_mbps = 80
delay_ms = 5.5

[[link]]
name = "lte"

[[step]]
at_s = 9
link = "lte"
restore = true

[[step]]
at_s = 1.5
link = "lte"
kill = true

[[step]]
at_s = 2
link = "wifi"
loss = 0.7
"""


def test_links_and_steps_are_read_and_steps_sorted() -> None:
    simulation = parse_simulation(GOOD)
    assert [(link.name, link.conditions) for link in simulation.links] == [
        ("wifi", LinkConditions(rate_mbps=80, delay_ms=5.5)),
        ("lte", LinkConditions()),
    ]
    assert simulation.steps == (
        Step(1_500_000_000, "lte", StepKind.KILL),
        Step(2_000_000_000, "wifi", StepKind.CHANGE, {"loss": 0.7}),
        Step(9_000_000_000, "lte", StepKind.RESTORE),
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[link]\n", ["TOML", "line 1"]),
        ("", ["no link"]),
        ("[[links]]\nname='a'", ["links"]),
        ("link = 3", ["link", "tables"]),
        ("[[link]]\nname='a'\n\n[[link]]\nname='b'\nrate=3", ["[[link]] 2", "line 4", "rate"]),
        ("[[link]]\nrate_mbps=3", ["[[link]] 1", "line 1", "name"]),
        ("[[link]]\nname='a'\nloss=7", ["[[link]] 1", "loss"]),
        ("[[link]]\nname='a'\nloss='x'", ["loss", "number"]),
        ("[[link]]\nname='a'\n[[link]]\nname='a'", ["'a'", "taken"]),
        ("[[link]]\nname='a'\n[[step]]\nat_s=1\nlink='b'\nkill=true", ["[[step]] 1", "line 3", "'b'"]),
        ("[[link]]\nname='a'\n[[step]]\nlink='a'\nkill=true", ["at_s"]),
        ("[[link]]\nname='a'\n[[step]]\nat_s=-1\nlink='a'\nkill=true", ["at_s"]),
        ("[[link]]\nname='a'\n[[step]]\nat_s=1\nlink='a'", ["nothing happens"]),
        ("[[link]]\nname='a'\n[[step]]\nat_s=1\nlink='a'\nkill=false", ["kill"]),
        ("[[link]]\nname='a'\n[[step]]\nat_s=1\nlink='a'\nkill=true\nloss=0.1", ["kill", "alone"]),
        ("[[link]]\nname='a'\n[[step]]\nat_s=1\nlink='a'\nrate_mbps=0", ["[[step]] 1", "rate_mbps"]),
    ],
)
def test_what_is_wrong_is_named_with_its_place(text: str, words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_simulation(text)
    for word in words:
        assert word in caught.value.message


def test_steps_come_when_they_are_due_and_once() -> None:
    player = ScriptPlayer(parse_simulation(GOOD).steps, start_ns=100)
    assert player.next_ns() == 1_500_000_100
    assert player.due(1_500_000_099) == []
    assert [step.kind for step in player.due(2_000_000_100)] == [StepKind.KILL, StepKind.CHANGE]
    assert player.due(2_000_000_100) == []
    assert [step.kind for step in player.due(10**12)] == [StepKind.RESTORE]
    assert player.next_ns() is None


def test_a_duplex_link_does_what_steps_say_both_ways() -> None:
    link = DuplexLink("lte", LinkConditions(rate_mbps=20), np.random.default_rng(0))
    link.apply(Step(0, "lte", StepKind.KILL))
    assert link.up.killed
    assert link.down.killed
    link.apply(Step(0, "lte", StepKind.RESTORE))
    assert not link.killed
    link.apply(Step(0, "lte", StepKind.CHANGE, {"loss": 0.5}))
    assert link.up.conditions == link.down.conditions == LinkConditions(rate_mbps=20, loss=0.5)
