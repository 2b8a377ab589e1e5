"""An incoming file beside a plain model of one: whatever is done to it, it reads as the model does."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from transfer_core.storage.incoming import IncomingFile, part_path

CHUNK = 4096
CHUNKS = 40
SIZE = CHUNK * CHUNKS - 1000


class IncomingMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.target = self.folder / "x"
        self.file = IncomingFile.open(part_path(self.target), SIZE)
        self.model = bytearray(SIZE)
        self.finished: list[tuple[Path, bytes]] = []

    @rule(chunk=st.integers(0, CHUNKS - 1), fill=st.sampled_from([0, 0, 1, 255]), last=st.sampled_from([0, 0, 7]))
    def write(self, chunk: int, fill: int, last: int) -> None:
        offset = chunk * CHUNK
        data = bytearray([fill]) * min(CHUNK, SIZE - offset)
        data[len(data) // 3] = last
        self.file.write_chunk(offset, memoryview(data))
        self.model[offset : offset + len(data)] = data

    @rule()
    def sync(self) -> None:
        self.file.sync()

    @rule()
    def restart(self) -> None:
        self.file.close()
        self.file = IncomingFile.open(part_path(self.target), SIZE)

    @precondition(lambda self: len(self.finished) < 4)
    @rule()
    def finish(self) -> None:
        self.finished.append((self.file.finish(self.target, 0), bytes(self.model)))
        self._begin()

    @rule()
    def abandon(self) -> None:
        self.file.abandon()
        self._begin()

    def _begin(self) -> None:
        self.file = IncomingFile.open(part_path(self.target), SIZE)
        self.model = bytearray(SIZE)

    @invariant()
    def reads_as_the_model(self) -> None:
        assert self.file.read(0, SIZE) == self.model

    @invariant()
    def what_is_finished_stays(self) -> None:
        for path, content in self.finished:
            assert path.read_bytes() == content

    def teardown(self) -> None:
        self.file.close()
        shutil.rmtree(self.folder)


TestIncomingMachine = IncomingMachine.TestCase
TestIncomingMachine.settings = settings(max_examples=40, stateful_step_count=30)
