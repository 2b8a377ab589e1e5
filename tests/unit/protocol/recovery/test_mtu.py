from transfer_core.protocol.recovery.mtu import AGAIN_NS, BASE_BYTES, HOLE_PACKETS, SIZES, MtuSearch, Size, rounds

S = 1_000_000_000


def fallen() -> MtuSearch:
    """One whose first data was not answered."""
    search = MtuSearch(1500)
    search.on_data_lost(1500, 10)
    search.on_silence(S)
    return search


def probe_all(search: MtuSearch, now_ns: int, loss: float = 0.0) -> list[int]:
    """Send what the search wants sent."""
    sent = []
    while (size := search.next_probe(now_ns, loss)) is not None:
        search.on_probe_sent(size)
        sent.append(size)
    return sent


def test_a_usual_path_is_confirmed_by_its_data_without_a_probe() -> None:
    search = MtuSearch(1500)
    search.on_data_acked(1454, S)
    assert (search.state, search.packet_bytes) == (Size.CONFIRMED, 1500)
    assert probe_all(search, 2 * S) == []
    assert search.due_ns is None


def test_small_slices_confirm_nothing() -> None:
    search = MtuSearch(1500)
    search.on_data_acked(400, S)
    assert search.state is Size.TRYING


def test_an_interface_that_sends_less_is_believed() -> None:
    assert MtuSearch(1428).packet_bytes == 1428
    assert MtuSearch(576).packet_bytes == BASE_BYTES


def test_silence_before_anything_arrived_makes_it_fall_at_once() -> None:
    assert (fallen().state, fallen().packet_bytes) == (Size.FALLEN, BASE_BYTES)


def test_pings_that_nobody_answered_say_nothing_of_the_size() -> None:
    search = MtuSearch(1500)
    search.on_silence(S)
    search.on_silence(S + S // 2)
    assert (search.state, search.packet_bytes) == (Size.TRYING, 1500)


def test_an_opening_train_confirms_a_size_as_data_does() -> None:
    search = MtuSearch(1500)
    search.on_probe_lost(1500, S)
    assert search.state is Size.TRYING
    search.on_probe_acked(1500, S)
    assert (search.state, search.packet_bytes) == (Size.CONFIRMED, 1500)
    assert probe_all(search, S) == []


def test_a_confirmed_path_falls_after_a_second_of_silence() -> None:
    search = MtuSearch(1500)
    search.on_data_acked(1500, S)
    search.on_silence(2 * S)
    search.on_silence(2 * S + S // 2)
    assert search.packet_bytes == 1500
    search.on_silence(3 * S)
    assert search.packet_bytes == BASE_BYTES


def test_two_short_silences_are_no_long_one() -> None:
    search = MtuSearch(1500)
    search.on_data_acked(1500, S)
    search.on_silence(2 * S)
    search.on_small_acked(2 * S + S // 10)
    search.on_silence(4 * S)
    assert search.packet_bytes == 1500


def test_large_packets_lost_in_a_row_while_small_ones_pass_make_it_fall() -> None:
    search = MtuSearch(1500)
    search.on_data_acked(1500, S)
    search.on_data_lost(1500, HOLE_PACKETS)
    assert search.packet_bytes == 1500
    search.on_small_acked(S)
    assert search.packet_bytes == BASE_BYTES


def test_losses_with_arrivals_between_them_are_loss() -> None:
    search = MtuSearch(1500)
    for _ in range(10):
        search.on_data_lost(1500, HOLE_PACKETS - 1)
        search.on_data_acked(1500, S)
        search.on_small_acked(S)
    assert search.packet_bytes == 1500


def test_after_a_fall_all_larger_sizes_are_tried_at_once_and_the_largest_that_arrives_is_used() -> None:
    search = fallen()
    assert probe_all(search, S) == []
    search.on_small_acked(2 * S)
    sent = probe_all(search, 2 * S)
    assert sorted(sent) == [size for size in SIZES if BASE_BYTES < size <= 1500]
    for size in sent:
        if size <= 1420:
            search.on_probe_acked(size, 3 * S)
        else:
            search.on_probe_lost(size, 3 * S)
    assert (search.state, search.packet_bytes) == (Size.CONFIRMED, 1420)


def test_sizes_that_were_lost_are_tried_once_more_and_then_in_ten_minutes() -> None:
    search = MtuSearch(9000)
    search.on_data_acked(1500, S)
    for _ in range(rounds(0.0)):
        assert probe_all(search, S) == [9000]
        search.on_probe_lost(9000, S)
        search.on_data_acked(1500, S)
    assert probe_all(search, 2 * S) == []
    assert search.due_ns == S + AGAIN_NS
    assert probe_all(search, S + AGAIN_NS) == [9000]


def test_file_data_has_its_turn_before_sizes_that_were_lost_are_tried_again() -> None:
    search = fallen()
    search.on_small_acked(S)
    for size in probe_all(search, S):
        search.on_probe_lost(size, S)
    search.on_small_acked(2 * S)
    assert probe_all(search, 2 * S, 0.7) == []
    search.on_data_acked(BASE_BYTES, 2 * S)
    assert probe_all(search, 2 * S, 0.7) == [size for size in SIZES if BASE_BYTES < size <= 1500]


def test_a_lossy_path_is_asked_more_often() -> None:
    assert rounds(0.0) == 2
    assert rounds(0.3) == 4
    assert 10 <= rounds(0.7) <= 12


def test_a_search_that_finds_nothing_ends_though_small_packets_arrive_between_its_rounds() -> None:
    search = fallen()
    search.on_small_acked(S)
    told = 0
    for turn in range(100):
        sent = probe_all(search, 2 * S + turn)
        told += len(sent)
        for size in sent:
            search.on_probe_lost(size, 2 * S + turn)
        search.on_data_acked(BASE_BYTES, 2 * S + turn)
    assert told == rounds(0.0) * len([size for size in SIZES if BASE_BYTES < size <= 1500])
    assert search.due_ns is not None
    assert search.due_ns > AGAIN_NS


def test_a_search_that_ended_goes_on_when_the_loss_proves_to_be_greater_than_was_known() -> None:
    search = fallen()
    search.on_small_acked(S)
    found = []
    for turn in range(100):
        sent = probe_all(search, S + turn, 0.0 if turn < 20 else 0.7)
        found.append(len(sent))
        for size in sent:
            search.on_probe_lost(size, S + turn)
        search.on_data_acked(BASE_BYTES, S + turn)
    assert [turn for turn, sent in enumerate(found) if sent] == [0, 1, *range(20, 20 + rounds(0.7) - rounds(0.0))]
    assert search.due_ns is not None
    assert search.due_ns > AGAIN_NS


def test_the_smallest_probe_goes_first() -> None:
    search = fallen()
    search.on_small_acked(S)
    assert probe_all(search, S) == [size for size in SIZES if BASE_BYTES < size <= 1500]
