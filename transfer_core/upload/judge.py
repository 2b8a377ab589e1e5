"""Judges HTTP answers: which refusals pass by themselves, which never will, and what an answer really is.

2xx                      fine, if its content is what the protocol says
3xx                      not followed: bytes of a race go where a person said, nowhere else
401 403                  the credentials are wrong: permanent
408 425 429 and 5xx      passing; `Retry-After` (RFC 9110 section 10.2.3) is obeyed
413 and other 4xx        permanent
507                      no room there: wait for it, nothing is lost
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn

from transfer_core.errors import BadAnswer, DiskFull, DrsError, ServerBusy, ServerRefused
from transfer_core.upload.door import Answer

RETRY_AFTER_MAX_S = 24 * 3600.0
PASSING = frozenset({408, 409, 423, 425, 429})
_WORDS_MAX = 160


def retry_after_s(text: str | None, date: str | None = None) -> float | None:
    """Seconds to wait by a Retry-After header: a number, or an HTTP date against the answer's own `Date`.

    None if it says nothing that can be understood; never negative and at most a day. The server's own date is taken for
    the time it is, so that a wrong clock on either side does no harm.
    """
    if text is None:
        return None
    text = text.strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        return min(float(text), RETRY_AFTER_MAX_S)
    until, now = _http_date(text), _http_date(date or "")
    if until is None or now is None:
        return None
    return min(max(0.0, (until - now).total_seconds()), RETRY_AFTER_MAX_S)


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def is_dropped(answer: Answer) -> bool:
    """Whether the server has nothing any more of what it was asked to drop."""
    return 200 <= answer.status < 300 or answer.status in (404, 410)


def cannot_drop(answer: Answer) -> bool:
    """Whether the server knows no such request, so that it need not be asked again."""
    return answer.status in (405, 501)


def raise_for(answer: Answer, what: str) -> NoReturn:
    """The error that an answer which is not the wanted one means."""
    raise error_of(answer, what)


def error_of(answer: Answer, what: str) -> DrsError:
    """The error that an answer which is not the wanted one means. `what` says what was asked, for people."""
    status, words = answer.status, words_of(answer)
    said = f"the server answered {status} to {what}" + (f": {words}" if words else "")
    after = retry_after_s(answer.headers.get("retry-after"), answer.headers.get("date"))
    if status == 507:
        return DiskFull(f"the server has no room: {words or 'it answered 507'}")
    if 300 <= status < 400:
        where = _short(answer.headers.get("location", "elsewhere"))
        return BadAnswer(
            f"the server sends {what} on to {where}", hint="Give the address that it names, if it is yours."
        )
    if status in (401, 403):
        return ServerRefused(said, hint="Check the destination's token or keys, then retry the job.")
    if status == 413:
        return ServerRefused(said, hint="The server takes no bodies or files of that size; raise its limit.")
    if status in PASSING or status >= 500:
        return ServerBusy(said, retry_after_s=after)
    if 400 <= status < 500:
        return ServerRefused(said)
    return BadAnswer(said)


def json_of(answer: Answer, what: str) -> Mapping[str, Any]:
    """The JSON object of a good answer. BadAnswer if it is something else, such as a login page."""
    try:
        value = json.loads(answer.body)
    except (ValueError, RecursionError) as error:
        kind = _short(answer.headers.get("content-type", "something else"))
        raise BadAnswer(f"the answer to {what} is no JSON but {kind}") from error
    if not isinstance(value, dict):
        raise BadAnswer(f"the answer to {what} is no JSON object")
    return value


def words_of(answer: Answer) -> str:
    """What a refusal says in words, short and printable; empty for a page of HTML."""
    try:
        value = json.loads(answer.body)
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict):
        for key in ("error", "detail", "message"):
            if isinstance(value.get(key), str):
                return _short(value[key])
        return ""
    text = answer.body[: 4 * _WORDS_MAX].decode("utf-8", "replace")
    found = re.search(r"<Message>([^<]*)</Message>", text)
    if found:
        return _short(found[1])
    return "" if text.lstrip().startswith("<") else _short(text)


def _short(text: str) -> str:
    clean = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return clean if len(clean) <= _WORDS_MAX else clean[: _WORDS_MAX - 3] + "..."
