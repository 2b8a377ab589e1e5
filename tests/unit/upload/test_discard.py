"""The request that has a server drop its part of an upload, out of what was kept of it."""

from __future__ import annotations

import json

import pytest

from transfer_core.upload.chunked import ChunkedUploader
from transfer_core.upload.door import Answer, Item, Step, Uploader
from transfer_core.upload.judge import cannot_drop, is_dropped
from transfer_core.upload.kept import fitting, kept_of, mark_of, text_of
from transfer_core.upload.s3 import S3Uploader
from transfer_core.upload.tus import TusUploader

TUS = TusUploader("https://box.example/files")
S3 = S3Uploader("https://race.s3.example", "runs")
CHUNKED = ChunkedUploader("https://box.example/upload")


def asked(step: Step | None) -> str:
    return "" if step is None else f"{step.method} {step.url}"


def test_each_protocol_gives_up_what_its_own_text_names() -> None:
    assert asked(TUS.discard('{"url": "https://box.example/files/7"}')) == "DELETE https://box.example/files/7"
    kept = json.dumps({"key": "runs/lap 1.bin", "id": "u+1", "part_bytes": 5 << 20, "etags": {"1": "aa"}})
    assert asked(S3.discard(kept)) == "DELETE https://race.s3.example/runs/lap%201.bin?uploadId=u%2B1"
    assert asked(CHUNKED.discard('{"id": "ab-1", "chunk_bytes": 100}')) == "DELETE https://box.example/upload/ab-1"


def test_the_text_of_a_new_upload_is_one_that_can_be_given_up() -> None:
    upload = TUS.begin(Item("id", "lap.bin", 10))
    upload.take(Answer(201, {"location": "/files/9"}))
    assert asked(TUS.discard(upload.resume_text())) == "DELETE https://box.example/files/9"


@pytest.mark.parametrize("uploader", [TUS, S3, CHUNKED], ids=["tus", "s3", "chunked"])
@pytest.mark.parametrize("text", ["", "{", "[]", "7", '{"url": 7, "id": 7, "key": 7}', '{"id": "../health"}'])
def test_a_text_that_makes_no_sense_asks_for_nothing(uploader: Uploader, text: str) -> None:
    assert uploader.discard(text) is None


def test_another_machine_is_not_asked_with_this_ones_token() -> None:
    assert TUS.discard('{"url": "https://evil.example/files/7"}') is None


@pytest.mark.parametrize("status", [200, 204, 404, 410])
def test_what_is_not_there_any_more_counts_as_dropped(status: int) -> None:
    assert is_dropped(Answer(status))


@pytest.mark.parametrize("status", [302, 401, 403, 405, 423, 429, 500, 501, 503])
def test_a_refusal_does_not_and_some_are_for_good(status: int) -> None:
    assert not is_dropped(Answer(status))
    assert cannot_drop(Answer(status)) == (status in (405, 501))


def test_what_is_kept_goes_on_with_its_own_mark_alone_and_is_dropped_by_its_kind() -> None:
    mark = mark_of("tus", 255, "lap.bin")
    kept = kept_of(mark, "the text")
    assert fitting(kept, mark) == "the text"
    assert fitting(kept, mark_of("tus", 256, "lap.bin")) == ""
    assert text_of(kept, "tus") == "the text"
    assert text_of(kept, "s3") == ""
    assert kept_of(mark, "") == ""


@pytest.mark.parametrize("kept", ["", "[", "7", "[1, 2]", '["tus 1 a"]', '{"a": 1}'])
def test_what_was_not_kept_by_this_program_counts_as_nothing(kept: str) -> None:
    assert fitting(kept, "tus 1 a") == ""
    assert text_of(kept, "tus") == ""
