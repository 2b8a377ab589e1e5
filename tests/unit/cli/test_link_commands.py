from __future__ import annotations

import json


def test_scan_shows_the_figures_the_terms_of_the_score_and_why_a_link_is_left_out(drs, service) -> None:
    code, out, _ = drs("scan")
    assert code == 0
    rows = {line.split()[0]: line for line in out.splitlines() if line.strip()}
    wifi, tun0 = rows["wifi"], rows["tun0"]
    for figure in ("78.4 Mbit/s", "9.5 ms", "1.5 ms", "1.2%", "0.91", "tp 0.78 rtt 0.95 loss 0.99 stab 0.90"):
        assert figure in wifi
    assert "no route to a relay" in tun0
    assert " 0 " not in tun0  # what is not known is blank


def test_scan_as_json_says_null_for_what_is_not_known(drs, service) -> None:
    links = json.loads(drs("scan", "--json", "--links", "wifi,lte")[1])
    assert service.opened_with["links"] == ["wifi", "lte"]
    assert links[0]["score"]["score"] == 0.91
    assert links[1]["throughput_bps"] is None


def test_a_link_is_killed_and_restored_by_name(drs, service) -> None:
    assert drs("link", "kill", "lte") == (0, "link lte: killed\n", "")
    assert json.loads(drs("link", "restore", "lte", "--json")[1]) == {"link": "lte", "done": "restored"}
    assert service.calls == [("kill_link", "lte"), ("restore_link", "lte")]


def test_pair_says_what_was_paired_and_that_it_does_not_answer_yet(drs, service) -> None:
    code, out, _ = drs("pair", " drs1.abc\n", "--name", "pit")
    assert code == 0
    assert service.calls == [("pair", "drs1.abc", "pit")]
    assert "pit: 10.0.0.5:9000, fingerprint ab12" in out
    assert "does not answer yet" in out
    assert json.loads(drs("pair", "drs1.abc", "--json")[1])["addresses"] == ["10.0.0.5:9000"]
