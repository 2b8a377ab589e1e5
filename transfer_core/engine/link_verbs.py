"""What may be asked of the links, of this process or of the agent that runs in another one."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from transfer_core.engine.service_parts import ServiceParts
from transfer_core.errors import ConflictError, error_from_code
from transfer_core.events import LinkKind, LinkMark, LinkSample, LinkScore, LinkState, LinkView
from transfer_core.service.pace import ANSWER_S

SCAN_VERB = "scan"
COMMAND_WAIT_S = 3.0  # for an agent that may be starting; one that is there and busy gets ANSWER_S


class LinkVerbs(ServiceParts):
    """See `service.TransferService`."""

    def links(self) -> list[LinkView]:
        """See `TransferService`."""
        return [] if self._desk is None else self._desk.views()

    def kill_link(self, name: str) -> None:
        """See `TransferService`."""
        self._switch_link("kill", name)

    def restore_link(self, name: str) -> None:
        """See `TransferService`."""
        self._switch_link("restore", name)

    def _switch_link(self, verb: str, name: str) -> None:
        if self._desk is not None:
            (self._desk.kill if verb == "kill" else self._desk.restore)(name)
            return
        self._ask_agent(verb, name)

    def _links_of_agent(self) -> list[LinkView]:
        """The links as the agent of another process sees them."""
        text = self._ask_agent(SCAN_VERB, "")
        try:
            return links_of(text)
        except (ValueError, TypeError, KeyError) as error:
            hint = "Both have to be of one version: start the agent again."
            raise ConflictError(f"the agent's answer makes no sense: {error}", hint=hint) from error

    def _ask_agent(self, verb: str, argument: str) -> str:
        """The answer of the agent in another process. ConflictError if none comes; its own error if it refuses."""
        number = self._store.ask(verb, argument)
        self._tell_agent()
        end = time.monotonic() + (ANSWER_S if self._state_lock.is_held() else COMMAND_WAIT_S)
        while time.monotonic() < end:
            result = self._store.answer_to(number)
            if result is not None and not result.startswith("E_"):
                return result
            if result is not None:
                code, _, text = result.partition(" ")
                raise error_from_code(code, text)
            time.sleep(0.05)
        self._store.answer(number, "withdrawn")
        raise ConflictError("no agent answered", hint="Start one with `drs-sync agent` on the same --state.")

    def simulate_link(self, name: str, conditions: Mapping[str, float] | None) -> None:
        """See `TransferService`."""
        if self._desk is None:
            raise ConflictError("no agent runs here", hint="Start it first.")
        self._desk.simulate(name, conditions)

    def link_samples(self, since_ns: int) -> list[LinkSample]:
        """See `TransferService`."""
        return [] if self._desk is None else self._desk.samples(since_ns)

    def link_marks(self) -> list[LinkMark]:
        """See `TransferService`."""
        return [] if self._desk is None else self._desk.marks()


def links_text(links: Sequence[LinkView]) -> str:
    """What the running agent answers to SCAN_VERB."""
    return json.dumps([asdict(link) for link in links])


def links_of(text: str) -> list[LinkView]:
    """The links in such an answer. ValueError, TypeError and KeyError for any other text."""
    return [
        LinkView(
            **{
                **value,
                "kind": LinkKind(value["kind"]),
                "state": LinkState(value["state"]),
                "addresses": tuple(value["addresses"]),
                "score": None if value["score"] is None else LinkScore(**value["score"]),
            }
        )
        for value in json.loads(text)
    ]
