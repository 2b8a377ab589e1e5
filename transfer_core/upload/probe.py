"""Asks a destination whether it is there, and an address which protocol it speaks."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

from transfer_core.errors import BadAnswer, CertificateRefused, DestinationError
from transfer_core.upload.chunked import server_of
from transfer_core.upload.door import Answer, Step
from transfer_core.upload.kinds import RELAY, Target, make_authorizer, make_uploader

if TYPE_CHECKING:  # see `driver`
    from transfer_core.upload.session import LinkSession

PATIENCE_S = 10.0
RELAY_TITLE = b'"DRS-SYNC relay"'


def perform(step: Step, target: Target, session: LinkSession) -> Answer:
    """One request without a file. ServerSilent."""
    headers = make_authorizer(target)(step)
    body = iter([step.head]) if step.head else None
    try:
        return session.perform(step, headers, body, len(step.head))
    except CertificateRefused as error:
        with contextlib.suppress(OSError):
            error.hint = f"Its SHA-256 is {session.fingerprint_of(step.url)}: if it is your server's, pin that."
        raise


def probe(target: Target, session: LinkSession) -> None:
    """Errors of this program's tree if the destination isn't there, or isn't what it should be."""
    uploader = make_uploader(target)
    uploader.judge_probe(perform(uploader.probe(), target, session))


def guess_kind(target: Target, session: LinkSession) -> str:
    """`tus`, `chunked` or `relay-http`, as the address answers. BadAnswer if it speaks neither; ServerSilent."""
    url = target.url
    options = Step("the question which protocol it speaks", "OPTIONS", url, patience_s=PATIENCE_S)
    answer = perform(options, target, session)
    if "tus-resumable" in answer.headers or "tus-version" in answer.headers:
        return "tus"
    try:
        probe(replace(target, kind="chunked"), session)
    except CertificateRefused:
        raise
    except DestinationError as error:
        what = f"{url} speaks neither the chunk protocol nor tus: {error.message}"
        raise BadAnswer(what, hint="Check the address, or name its kind with --kind.") from error
    description = Step("the question what it is", "GET", f"{server_of(url)}/openapi.json", patience_s=PATIENCE_S)
    about = perform(description, target, session)
    return RELAY if about.status == 200 and RELAY_TITLE in about.body else "chunked"
