"""What may be asked of uploads over HTTP. Works beside a running agent of another process, which notices."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from transfer_core.clock import Clock
from transfer_core.engine.uploads.desk import target_of
from transfer_core.engine.uploads.limits import keep_limits, load_limits
from transfer_core.engine.uploads.ways import Ways
from transfer_core.entropy import Entropy
from transfer_core.errors import ConflictError, DrsError, NotFoundError, ServerSilent, UsageError
from transfer_core.events import DestinationView, JobState
from transfer_core.jobs.store import Destination, JobStore
from transfer_core.protocol.security.receipts import verify_receipt
from transfer_core.service.uploads import DestinationTest, NewDestination, UploadLimits, WebhookView
from transfer_core.upload.kinds import KINDS, RELAY, Target, check_target, check_url
from transfer_core.upload.probe import guess_kind, probe
from transfer_core.upload.webhook import check_secret, new_secret

NAME_MAX = 80


class UploadVerbs:
    """See `service.UploadService`."""

    def __init__(
        self,
        *,
        store: JobStore,
        clock: Clock,
        entropy: Entropy,
        chosen: Sequence[str] | None,
        simulated: bool,
        changed: Callable[[], None],
        view: Callable[[str], DestinationView],
        retry: Callable[[Sequence[str]], None],
    ) -> None:
        self._store, self._clock, self._entropy = store, clock, entropy
        self._chosen, self._simulated = chosen, simulated
        self._changed, self._view, self._retry = changed, view, retry

    def add_destination(self, new: NewDestination) -> DestinationView:
        """See `UploadService`."""
        if not new.name.strip() or len(new.name) > NAME_MAX or not new.name.isprintable():
            raise UsageError(f"{new.name!r} is no name for a destination", hint="Use a short word.")
        if any(each.name == new.name for each in self._store.destinations()):
            raise ConflictError(
                f"there is a destination {new.name} already", hint="Remove it first, or choose another."
            )
        target = self._sound(new)
        if not target.kind:
            target = replace(target, kind=self._ask(lambda ways: _guess(target, ways), target)[0])
        self._store.keep_destination(
            Destination(
                new.name,
                target.kind,
                (target.url,),
                secret=target.token.encode() or None,
                options=dict(target.options),
            )
        )
        self._changed()
        return self._view(new.name)

    @staticmethod
    def _sound(new: NewDestination) -> Target:
        target = Target(new.kind, new.url, new.token, dict(new.options))
        return check_target(target)

    def test_destination(self, new: NewDestination) -> DestinationTest:
        """See `UploadService`."""
        return self._test(self._sound(new))

    def test_known(self, name: str) -> DestinationTest:
        """See `UploadService`."""
        found = next((each for each in self._store.destinations() if each.name == name), None)
        if found is None:
            raise NotFoundError(f"there is no destination {name!r}", hint="See `drs-sync destination list`.")
        if found.kind not in KINDS:
            raise UsageError(f"{name} is a relay, which is asked all the time", hint="See `drs-sync destination list`.")
        return self._test(target_of(found))

    def _test(self, target: Target) -> DestinationTest:
        begun_s = time.monotonic()
        try:
            if target.kind:
                kind, link = self._ask(lambda ways: _probe(target, ways), target)
            else:
                kind, link = self._ask(lambda ways: _guess(target, ways), target)
        except DrsError as error:
            return DestinationTest(False, target.kind, error=error.code, why=error.message, hint=error.hint)
        return DestinationTest(True, kind, link, (time.monotonic() - begun_s) * 1000)

    def _ask(self, question: Callable[[Ways], tuple[str, str]], target: Target) -> tuple[str, str]:
        ways = Ways(target, self._clock, chosen=self._chosen, simulated=self._simulated, views=lambda: ())
        try:
            return question(ways)
        except ServerSilent as error:
            unasked = "" if target.kind else "; one whose kind is named is kept unasked"
            raise ServerSilent(error.message, hint=f"Check the network and the server's address{unasked}.") from error
        finally:
            ways.close()

    def set_fallback(self, relay: str, url: str, pin: str = "") -> DestinationView:
        """See `UploadService`."""
        found = next((each for each in self._store.destinations() if each.name == relay), None)
        if found is None:
            raise NotFoundError(f"there is no destination {relay!r}", hint="See `drs-sync destination list`.")
        if found.kind != "relay":
            raise UsageError(f"{relay} is no relay", hint="Only what is reached over UDP can fall back to HTTP.")
        options = {key: value for key, value in found.options.items() if key not in ("http", "pin")}
        if url:
            target = check_target(Target(RELAY, url, "", {"pin": pin} if pin else {}))
            options |= {"http": target.url} | ({"pin": pin} if pin else {})
        self._store.keep_destination(replace(found, options=options))
        self._changed()
        return self._view(relay)

    def retry_failed(self, destination: str = "") -> int:
        """See `UploadService`."""
        failed = [
            job.file_id
            for job in self._store.jobs()
            if job.status is JobState.FAILED and destination in ("", job.destination)
        ]
        if failed:
            self._retry(failed)
        return len(failed)

    def limits(self) -> UploadLimits:
        """See `UploadService`."""
        return load_limits(self._store)

    def change_limits(self, limits: UploadLimits) -> None:
        """See `UploadService`."""
        keep_limits(self._store, limits)
        self._changed()

    def receipt(self, file_id: str) -> dict[str, str | int] | None:
        """See `UploadService`."""
        text = self._store.receipt_of(file_id)
        if not text:
            return None
        receipt: dict[str, str | int] = json.loads(text)
        verify_receipt(receipt)
        return receipt

    def webhooks(self) -> list[WebhookView]:
        """See `UploadService`."""
        return [WebhookView(each.url, each.created_at, each.disabled, each.waiting) for each in self._store.webhooks()]

    def add_webhook(self, url: str, secret: str = "") -> str:
        """See `UploadService`."""
        sound = check_url(url)
        if sound.startswith("s3:"):
            raise UsageError("a webhook is an address of HTTP")
        kept = check_secret(secret) if secret else new_secret(self._entropy)
        self._store.keep_webhook(sound, kept)
        return kept

    def remove_webhook(self, url: str) -> None:
        """See `UploadService`."""
        self._store.forget_webhook(url)

    def test_webhook(self, url: str) -> None:
        """See `UploadService`."""
        self._store.announce_test(url)


def _probe(target: Target, ways: Ways) -> tuple[str, str]:
    lent = ways.borrow()
    try:
        probe(target, lent.session)
    finally:
        ways.give_back(lent)
    return target.kind, lent.name


def _guess(target: Target, ways: Ways) -> tuple[str, str]:
    lent = ways.borrow()
    try:
        return guess_kind(target, lent.session), lent.name
    finally:
        ways.give_back(lent)
