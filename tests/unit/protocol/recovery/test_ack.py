import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transfer_core.errors import RemoteProtocolError
from transfer_core.protocol.recovery.ack import WINDOW_PACKETS_MAX, Ack, Train, decode_ack, encode_ack


def ack_of(received: np.ndarray, floor: int = 0, turn: int = 0, train: Train | None = None) -> Ack:
    largest = max(floor + len(received) - 1, 0)
    return Ack(largest, 123, 45, int(received.sum()), -678, floor, received, 9, train, turn)


def random_marks(count: int, loss: float, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random(count) >= loss


@given(
    bits=st.lists(st.booleans(), max_size=600),
    floor=st.integers(0, 1 << 47),
    rx_us=st.integers(0, 0xFFFFFFFF),
    hold_us=st.integers(0, 0xFFFFFFFF),
    owd_us=st.integers(-(1 << 31), (1 << 31) - 1),
    has_train=st.booleans(),
)
def test_what_fits_comes_back_as_it_was(
    bits: list[bool], floor: int, rx_us: int, hold_us: int, owd_us: int, has_train: bool
) -> None:
    received = np.array(bits, np.bool_)
    train = Train(1, 2, 3, 4) if has_train else None
    largest = max(floor + len(bits) - 1, 0)
    ack = Ack(largest, rx_us, hold_us, sum(bits), owd_us, floor if bits else largest, received, 65535, train)
    data = encode_ack(ack, 1400)
    assert len(data) <= 1400
    again, used = decode_ack(memoryview(data + b"rest"))
    assert used == len(data)
    assert again.received.tolist() == bits
    for name in ("largest", "largest_rx_us", "hold_us", "received_total", "min_owd_us", "window_chunks", "train"):
        assert getattr(again, name) == getattr(ack, name)


@given(data=st.binary(max_size=200))
@settings(max_examples=300)
def test_garbage_gives_an_acknowledgement_or_a_remote_protocol_error(data: bytes) -> None:
    try:
        ack, used = decode_ack(memoryview(data))
    except RemoteProtocolError:
        return
    assert used <= len(data)
    assert len(ack.received) <= WINDOW_PACKETS_MAX


@given(at=st.integers(0, 120), value=st.integers(0, 255), cut=st.integers(0, 120))
def test_a_damaged_or_cut_acknowledgement_never_raises_anything_else(at: int, value: int, cut: int) -> None:
    for loss in (0.05, 0.5):
        data = bytearray(encode_ack(ack_of(random_marks(400, loss, 1), train=Train(1, 2, 3, 4)), 1400))
        data[at % len(data)] = value
        try:
            decode_ack(memoryview(data)[: len(data) - cut % len(data)])
        except RemoteProtocolError:
            continue


def test_holes_are_used_when_few_are_missing_and_a_bitmap_when_many_are() -> None:
    assert len(encode_ack(ack_of(random_marks(8000, 0.002, 2)), 1400)) < 250
    assert len(encode_ack(ack_of(np.ones(WINDOW_PACKETS_MAX, np.bool_)), 1400)) < 45
    assert 1000 < len(encode_ack(ack_of(random_marks(8000, 0.3, 2)), 1400)) < 1050


def test_a_hole_longer_than_its_field_is_split() -> None:
    received = np.ones(200_000, np.bool_)
    received[10:180_000] = False
    again, _ = decode_ack(encode_ack(ack_of(received), 1400))
    assert (again.received == received).all()


def test_where_not_everything_fits_every_packet_is_told_of_within_a_few_turns() -> None:
    received = random_marks(60_000, 0.5, 3)
    told = np.zeros(len(received), np.bool_)
    newest = 0
    for turn in range(12):
        ack = ack_of(received, floor=1000, turn=turn)
        data = encode_ack(ack, 1400)
        assert len(data) <= 1400
        again, _ = decode_ack(data)
        start = again.floor - 1000
        part = slice(start, start + len(again.received))
        assert (again.received == received[part]).all()
        told[part] = True
        newest += again.floor + len(again.received) - 1 == ack.largest
    assert told.all()
    assert newest >= 6


def test_a_window_beyond_the_ring_is_refused() -> None:
    data = bytearray(encode_ack(ack_of(np.ones(4, np.bool_)), 1400))
    data[2:6] = (1 << 19).to_bytes(4, "big")  # largest
    with pytest.raises(RemoteProtocolError):
        decode_ack(bytes(data))


def test_holes_out_of_order_are_refused() -> None:
    received = np.ones(200, np.bool_)
    received[[20, 40]] = False
    data = bytearray(encode_ack(ack_of(received), 1400))
    holes = data[-12:]
    data[-12:] = holes[6:] + holes[:6]
    with pytest.raises(RemoteProtocolError):
        decode_ack(bytes(data))
