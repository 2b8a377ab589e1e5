"""Tells webhooks what is in the outbox, from a thread of its own; what could not be told stays there."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

from transfer_core.clock import Clock
from transfer_core.config import RetryPolicyConfig
from transfer_core.engine.uploads.ways import Ways
from transfer_core.entropy import Entropy
from transfer_core.errors import BadAnswer, DrsError
from transfer_core.events import LinkView
from transfer_core.jobs.outbox import Message
from transfer_core.jobs.policy import retry_delay_ns
from transfer_core.jobs.store import JobStore
from transfer_core.units import NS_PER_S
from transfer_core.upload.door import Answer
from transfer_core.upload.judge import error_of, retry_after_s
from transfer_core.upload.kinds import Target
from transfer_core.upload.webhook import Fate, fate_of, message_step

_LOG = logging.getLogger(__name__)
LOOK_S = 1.0
BATCH = 20
BACKOFF = RetryPolicyConfig(base_delay_s=2.0, max_delay_s=3600.0)


class Teller:
    """See the module."""

    def __init__(
        self,
        store: JobStore,
        clock: Clock,
        entropy: Entropy,
        *,
        chosen: Sequence[str] | None,
        simulated: bool,
        views: Callable[[], Sequence[LinkView]],
    ) -> None:
        self._store, self._clock, self._entropy = store, clock, entropy
        self._chosen, self._simulated, self._views = chosen, simulated, views
        self._ways: dict[str, Ways] = {}
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def poke(self) -> None:
        """Look at the outbox at once."""
        self._wake.set()

    def stop(self) -> None:
        """End; what is under way is told again next time."""
        self._stopping.set()
        self._wake.set()
        self._thread.join(5)
        for ways in self._ways.values():
            ways.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                due = self._store.messages_due(BATCH)
                for message in due:
                    if self._stopping.is_set():
                        return
                    self._tell(message)
            except DrsError as error:
                _LOG.info("the outbox can't be worked: %s", error.one_line())
                due = []
            if not due:
                self._wake.wait(LOOK_S)
                self._wake.clear()

    def _tell(self, message: Message) -> None:
        try:
            answer = self._send(message)
        except DrsError as error:
            self._later(message, error.message, None)
            return
        match fate_of(answer, message.attempts):
            case Fate.TOLD:
                self._store.told(message.number)
            case Fate.DROP:
                _LOG.info("%s refuses %s for good: %s", message.url, message.message_id, answer.status)
                self._store.told(message.number)
            case Fate.SWITCH_OFF:
                self._store.switch_off(message.url, "it answered 410, that it is gone")
            case Fate.AGAIN:
                after = retry_after_s(answer.headers.get("retry-after"), answer.headers.get("date"))
                self._later(message, error_of(answer, "a webhook").message, after)

    def _send(self, message: Message) -> Answer:
        target = Target("webhook", message.url)
        ways = self._ways.get(message.url)
        if ways is None:
            ways = self._ways[message.url] = Ways(
                target, self._clock, chosen=self._chosen, simulated=self._simulated, views=self._views
            )
        timestamp_s = self._clock.wall_ns() // NS_PER_S
        step = message_step(message.url, message.secret, message.message_id, timestamp_s, message.body.encode())
        lent = ways.borrow()
        try:
            return lent.session.perform(step, dict(step.headers), iter([step.head]), len(step.head))
        except BadAnswer as error:  # too long an answer to a message that has arrived
            _LOG.info("%s: %s", message.url, error)
            raise
        except DrsError:
            ways.on_failed(lent.name)
            raise
        finally:
            ways.give_back(lent)

    def _later(self, message: Message, why: str, after_s: float | None) -> None:
        delay_ns = retry_delay_ns(message.attempts, BACKOFF, self._entropy)
        self._store.tell_later(message.number, max(delay_ns, round((after_s or 0) * NS_PER_S), NS_PER_S), why)
