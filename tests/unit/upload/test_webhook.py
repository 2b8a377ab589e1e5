"""Standard Webhooks: the published example, and what answers mean."""

from __future__ import annotations

import base64

import pytest

from transfer_core.errors import UsageError
from transfer_core.sim.seeded_entropy import SeededEntropy
from transfer_core.upload.door import Answer
from transfer_core.upload.webhook import Fate, check_secret, fate_of, message_step, new_secret, signature


def test_the_signature_is_that_of_the_published_example() -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = b'{"test": 2432232314}'
    expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body) == expected
    step = message_step("http://host/hook", secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert step.headers["webhook-signature"] == expected
    assert step.headers["webhook-timestamp"] == "1614265330"
    assert step.head == body


def test_a_new_secret_is_one_and_what_is_none_is_refused() -> None:
    secret = new_secret(SeededEntropy(1))
    assert check_secret(secret) == secret
    for bad in ("", "whsec_", "whsec_???", "whsec_" + base64.b64encode(b"short").decode()):
        with pytest.raises(UsageError):
            check_secret(bad)


@pytest.mark.parametrize(
    ("status", "attempts", "fate"),
    [
        (200, 0, Fate.TOLD),
        (204, 9, Fate.TOLD),
        (410, 0, Fate.SWITCH_OFF),
        (400, 0, Fate.AGAIN),
        (400, 4, Fate.DROP),
        (429, 50, Fate.AGAIN),
        (500, 50, Fate.AGAIN),
        (302, 50, Fate.AGAIN),
    ],
)
def test_an_answer_decides_what_becomes_of_the_message(status: int, attempts: int, fate: Fate) -> None:
    assert fate_of(Answer(status), attempts) is fate
