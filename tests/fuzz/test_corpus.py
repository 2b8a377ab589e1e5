"""The kept corpus without a fuzzer: each input is still borne, and each target still gets through to its subject."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.fuzz import targets
from tests.fuzz.seeds import CORPUS, seeds
from transfer_core.errors import DrsError

INPUTS = sorted(path for path in CORPUS.iterdir() if path.is_file())


@pytest.mark.parametrize("path", INPUTS, ids=lambda path: path.name)
def test_an_input_that_was_kept_is_borne(path: Path) -> None:
    targets.one_input(path.read_bytes())


def test_everything_that_the_fuzzer_found_and_was_kept_is_borne() -> None:
    found = sorted((CORPUS / "found").iterdir())
    assert len(found) > 100
    for path in found:
        targets.one_input(path.read_bytes())


def test_damaged_copies_of_the_corpus_are_borne() -> None:
    rng = random.Random(7)
    for path in INPUTS:
        for _ in range(20):
            data = bytearray(path.read_bytes())
            for _ in range(rng.randint(1, 6)):
                data[rng.randrange(1, len(data))] = rng.randrange(256)
            targets.one_input(bytes(data))


@pytest.mark.parametrize("name", ["message-FileOpen", "ack", "record", "relay-file", "agent-file", "bundle"])
def test_a_seed_is_well_formed(name: str) -> None:
    target, data = seeds()[name]
    try:
        target(data)  # type: ignore[operator]
    except DrsError as error:
        pytest.fail(f"the seed does not get past the door: {error}")
