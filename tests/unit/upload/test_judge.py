"""What HTTP answers mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transfer_core.errors import BadAnswer, DestinationError, DiskFull, ServerBusy, ServerRefused
from transfer_core.upload.door import Answer
from transfer_core.upload.judge import error_of, json_of, retry_after_s


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 413, 415, 422])
def test_most_refusals_are_permanent(status: int) -> None:
    error = error_of(Answer(status), "a chunk")
    assert isinstance(error, ServerRefused)
    assert not error.retryable


@pytest.mark.parametrize("status", [408, 409, 423, 425, 429, 500, 502, 503, 504])
def test_some_refusals_pass(status: int) -> None:
    error = error_of(Answer(status), "a chunk")
    assert isinstance(error, ServerBusy)
    assert error.retryable


def test_a_full_server_is_waited_for_in_its_own_words() -> None:
    error = error_of(Answer(507, {}, b'{"error": "42 bytes free"}'), "a chunk")
    assert isinstance(error, DiskFull)
    assert "42 bytes free" in error.message


def test_a_redirect_is_named_and_not_followed() -> None:
    error = error_of(Answer(302, {"location": "http://hotel.example/login"}), "a chunk")
    assert isinstance(error, BadAnswer)
    assert "http://hotel.example/login" in error.message


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        (" 7 ", 7.0),
        ("999999999", 86400.0),
        ("-5", None),
        ("soon", None),
        ("1e9", None),
        ("Sat, 21 Nov 2026 07:30:00 GMT", 90.0),
        ("Sat, 21 Nov 2026 07:00:00 GMT", 0.0),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str, seconds: float | None) -> None:
    assert retry_after_s(text, "Sat, 21 Nov 2026 07:28:30 GMT") == seconds


def test_a_date_without_the_servers_own_time_says_nothing() -> None:
    assert retry_after_s("Sat, 21 Nov 2026 07:30:00 GMT") is None


@given(st.text(max_size=60), st.text(max_size=60))
def test_no_header_breaks_the_judge(text: str, date: str) -> None:
    seconds = retry_after_s(text, date)
    assert seconds is None or 0 <= seconds <= 86400


@given(st.integers(100, 599), st.binary(max_size=300), st.text(max_size=40))
def test_every_answer_means_an_error_that_can_be_shown(status: int, body: bytes, header: str) -> None:
    error = error_of(Answer(status, {"retry-after": header, "location": header, "content-type": header}, body), "it")
    assert isinstance(error, DestinationError | DiskFull)
    assert error.one_line().isprintable()
    assert len(error.one_line()) < 600


@given(st.binary(max_size=200))
def test_a_body_is_a_json_object_or_a_clear_error(body: bytes) -> None:
    try:
        value = json_of(Answer(200, {}, body), "it")
    except BadAnswer:
        return
    assert isinstance(value, dict)


def test_a_login_page_is_no_answer() -> None:
    page = Answer(200, {"content-type": "text/html"}, b"<html>Welcome to the hotel</html>")
    with pytest.raises(BadAnswer, match="text/html"):
        json_of(page, "a chunk")
