import pytest

from transfer_core.errors import ConfigError
from transfer_core.sim.conditions import CONDITION_KEYS, LinkConditions
from transfer_core.sim.presets import PRESETS


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("rate_mbps", 0),
        ("rate_mbps", -1),
        ("delay_ms", -0.1),
        ("loss", 1.01),
        ("burst_loss", 0.9),
        ("queue_ms", float("nan")),
        ("jitter_ms", float("inf")),
        ("loss", "much"),
        ("loss", True),
    ],
)
def test_what_no_link_can_be_is_refused_by_its_key(key: str, value: object) -> None:
    with pytest.raises(ConfigError, match=key):
        LinkConditions(**{key: value})  # type: ignore[arg-type]


def test_an_unknown_key_is_named_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="latency") as caught:
        LinkConditions().changed({"latency": 3})
    assert all(key in caught.value.hint for key in CONDITION_KEYS)


def test_a_change_keeps_the_other_keys() -> None:
    assert LinkConditions(rate_mbps=5, delay_ms=3).changed({"delay_ms": 4}) == LinkConditions(rate_mbps=5, delay_ms=4)


def test_each_preset_is_a_link_of_its_own() -> None:
    made = {name: make() for name, make in PRESETS.items()}
    assert len(set(made.values())) == len(made) == 5
