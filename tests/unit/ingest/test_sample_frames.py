from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from transfer_core.errors import UsageError, WriteFailed
from transfer_core.ingest.sample_frames import MIB, SamplePlan, Style, frame_name, write_samples
from transfer_core.ingest.sample_jpeg import encode_jpeg, jpeg_of_size, sample_picture


def decode(data: bytes) -> np.ndarray:
    from PySide6.QtGui import QImage

    image = QImage.fromData(data, "JPG").convertToFormat(QImage.Format.Format_Grayscale8)
    assert not image.isNull()
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : image.width()].copy()


@pytest.mark.parametrize(("width", "height", "number"), [(1600, 1200, 46836), (8, 8, 0), (321, 65, 999_999_999)])
def test_a_viewer_sees_the_very_blocks_that_were_drawn(width: int, height: int, number: int) -> None:
    picture = sample_picture(width, height, number)
    pixels = decode(b"".join(encode_jpeg(picture)))
    assert np.array_equal(pixels, np.kron(picture, np.ones((8, 8), np.uint8)))


def test_any_picture_is_coded() -> None:
    picture = np.random.default_rng(1).integers(0, 256, (40, 50), dtype=np.uint8)
    assert np.array_equal(decode(b"".join(encode_jpeg(picture)))[::8, ::8], picture)


@pytest.mark.parametrize("size", [20_000, 65_537, 131_999, 132_000, 132_001, 132_003, 1_500_000])
def test_a_file_has_the_very_size_and_opens(size: int) -> None:
    picture = sample_picture(64, 64, 1)
    data = b"".join(jpeg_of_size(picture, size, memoryview(np.random.default_rng(2).bytes(size))))
    assert len(data) == size
    assert decode(data).shape == (64, 64)


def test_every_size_within_two_segments_is_met() -> None:
    picture, filler = sample_picture(8, 8, 1), memoryview(bytes(140_000))
    least = len(b"".join(encode_jpeg(picture)))
    for size in [*range(least + 4, least + 40), *range(65_530 + least, 65_560 + least)]:
        assert len(b"".join(jpeg_of_size(picture, size, filler))) == size


def small(**wishes: object) -> SamplePlan:
    return SamplePlan(
        **{"cameras": 2, "count": 3, "min_mb": 0.01, "max_mb": 0.02, "fps": 0, "width": 64, "height": 64, **wishes}
    )  # type: ignore[arg-type]


@pytest.mark.parametrize("style", list(Style))
def test_the_same_seed_writes_the_same_files_in_the_wanted_sizes(tmp_path: Path, style: Style) -> None:
    told: list[tuple[Path, int]] = []
    for place, plan in (("a", small(style=style)), ("b", small(fps=200))):
        done = write_samples(tmp_path / place, plan, lambda path, size: told.append((path, size)), threading.Event())
        assert done == 6
    names = sorted(path.relative_to(tmp_path / "a").as_posix() for path in (tmp_path / "a").rglob("*.*"))
    assert names[0] == f"camera01/{frame_name('camera01', 0)}" == "camera01/frame_camera01_000000000.jpg"
    assert len(names) == 6
    for name in names:
        data = (tmp_path / "a" / name).read_bytes()
        assert data == (tmp_path / "b" / name).read_bytes()
        assert 0.01 * MIB <= len(data) <= 0.02 * MIB
    assert {size for _, size in told} == {path.stat().st_size for path, _ in told}


def test_a_wish_to_stop_is_heard(tmp_path: Path) -> None:
    stop = threading.Event()
    done = write_samples(tmp_path, small(count=10_000, fps=100, cameras=1), lambda *_: stop.set(), stop)
    assert 1 <= done < 10


@pytest.mark.parametrize(
    "wrong", [{"cameras": 0}, {"count": -1}, {"min_mb": 3}, {"fps": -1}, {"width": 4}, {"max_mb": 2000}]
)
def test_a_plan_that_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        SamplePlan(**wrong)  # type: ignore[arg-type]


def test_a_place_that_can_t_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(WriteFailed, match="can't be written"):
        write_samples(
            tmp_path / "file" / "cameras", SamplePlan(cameras=1, count=1), lambda _path, _size: None, threading.Event()
        )
