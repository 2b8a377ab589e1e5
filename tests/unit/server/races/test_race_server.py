"""The reference's endpoints over real HTTP."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.telemetry_world import desk_in, pilots, wait_until
from tests.unit.server.races.conftest import PASSWORD
from transfer_core.engine.system import SystemClock
from transfer_core.errors import ConfigError, PortInUse, UsageError
from transfer_core.server.races.race_side import RaceAddresses, RaceSide

REFERENCE = {
    ("POST", "/create_user"),
    ("POST", "/login"),
    ("POST", "/reset_password"),
    ("DELETE", "/delete_user"),
    ("GET", "/saved_races"),
    ("GET", "/replay_race/{race_id}"),
    ("GET", "/user_races/{user_id}"),
    ("PUT", "/update_race/{race_id}"),
    ("DELETE", "/delete_race/{race_id}/{user_id}"),
    ("POST", "/create_race"),
    ("GET", "/watch_race/{race_id}/{user_id}"),
    ("GET", "/list_races"),
    ("POST", "/save_race/{race_id}"),
    ("DELETE", "/end_race/{race_id}"),
}


def test_every_endpoint_of_the_reference_is_there_by_method_and_name(team) -> None:
    paths = team.ask("GET", "/openapi.json").json()["paths"]
    found = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    assert found >= REFERENCE
    assert team.ask("GET", "/docs").status_code == 200


def test_a_race_from_its_creation_to_its_deletion(team) -> None:
    made = team.ask("POST", "/create_race", "Eve", json={"name": "heat 1"}).json()
    race_id, port = made["race_id"], made["udp_port"]
    assert (made["status"], made["owner"]) == ("started", "Eve")
    assert str(made["ws_port"]) in team.side.viewers_url
    assert list(team.ask("GET", "/list_races", "Vic").json()) == [race_id]
    watched = team.ask("GET", f"/watch_race/{race_id}/{team.ids['Vic']}", "Vic").json()
    assert [each["name"] for each in watched["members"]] == ["Vic"]
    with pilots(port) as (pilot,):
        joined = team.ask("POST", f"/join_race/{race_id}/{team.ids['Ed']}?source={pilot.source_id}", "Ed").json()
        assert {"name": "Ed", "role": "pilot", "source": pilot.source_id} in joined["members"]
        pilot.fly(120)
        wait_until(lambda: team.desk.race(race_id).datagrams == 120)
    marker = team.ask("POST", f"/mark_race/{race_id}", "Ed", json={"text": "crash"}).json()
    assert team.ask("DELETE", f"/end_race/{race_id}", "Eve").json()["datagrams"] == 120
    saved = team.ask("POST", f"/save_race/{race_id}", "Eve").json()
    assert saved["status"] == "saved"
    assert team.ask("GET", "/list_races", "Eve").json() == {}
    assert team.desk.wait_until_stored(race_id, 20)
    for who in ("Eve", "Vic", "Ed", "Ada"):
        assert [each["race_id"] for each in team.ask("GET", "/saved_races?find=heat", who).json()] == [race_id]
    assert [each["name"] for each in team.ask("GET", f"/user_races/{team.ids['Eve']}", "Eve").json()] == ["heat 1"]
    replay = team.ask("GET", f"/replay_race/{race_id}?channel=Timestamp&points=5000", "Vic").json()
    (source,) = replay["sources"]
    assert (source["pilot"], source["samples"]) == ("Ed", 120)
    assert source["series"]["Timestamp"]["high"][-1] == pytest.approx(1.19, abs=1e-4)
    assert replay["markers"] == [{"time_ns": marker["time_ns"], "text": "crash"}]
    export = team.ask("GET", f"/export_race/{race_id}?format=csv", "Vic")
    assert len(io.StringIO(export.text).readlines()) == 121
    renamed = team.ask("PUT", f"/update_race/{race_id}", "Eve", json={"name": "Final"}).json()
    assert renamed["name"] == "Final"
    gone = team.ask("DELETE", f"/delete_race/{race_id}/{team.ids['Eve']}", "Eve")
    assert (gone.status_code, team.desk.races()) == (200, [])


def test_nobody_reads_or_deletes_what_is_not_theirs(team) -> None:
    race_id = team.ask("POST", "/create_race", "Eve").json()["race_id"]
    eve, ed = team.ids["Eve"], team.ids["Ed"]
    assert team.ask("DELETE", f"/end_race/{race_id}", "Ed").status_code == 404
    assert team.ask("GET", f"/watch_race/{race_id}/{eve}", "Ed").status_code == 403
    assert team.ask("GET", f"/watch_race/{race_id}/{ed}", "Ed").status_code == 200
    assert team.ask("DELETE", f"/end_race/{race_id}", "Ed").status_code == 403
    team.ask("DELETE", f"/end_race/{race_id}", "Eve")
    for path in (f"/replay_race/{race_id}", f"/export_race/{race_id}", f"/watch_race/{race_id}/{team.ids['Vic']}"):
        assert team.ask("GET", path, "Vic").status_code == 404
    assert team.ask("GET", "/saved_races", "Vic").json() == []
    assert team.ask("GET", f"/user_races/{eve}", "Ed").status_code == 403
    assert team.ask("GET", f"/user_races/{eve}", "Ada").status_code == 200
    for user in (eve, ed):
        assert team.ask("DELETE", f"/delete_race/{race_id}/{user}", "Ed").status_code == 403
    assert team.ask("PUT", f"/update_race/{race_id}", "Vic", json={"owner": "Vic"}).status_code == 404
    assert team.ask("POST", f"/save_race/{race_id}", "Vic").status_code == 404
    assert team.ask("POST", "/create_race", "Vic").status_code == 403
    assert team.ask("DELETE", f"/delete_race/{race_id}/{team.ids['Ada']}", "Ada").status_code == 200


def test_without_a_session_nothing_is_told(team) -> None:
    for method, path in sorted(REFERENCE):
        if path in ("/create_user", "/login", "/reset_password"):
            continue
        answer = team.ask(method, path.replace("{race_id}", "x").replace("{user_id}", "1"), json={})
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert team.ask("GET", f"/list_races?token={team.tokens['Ada']}").status_code == 401


def test_accounts_over_http(team) -> None:
    body = {"username": "Nia", "password": PASSWORD, "security_question": "?", "security_answer": "!"}
    made = team.ask("POST", "/create_user", json=body)
    assert (made.status_code, made.json()["role"]) == (200, "viewer")
    assert team.ask("POST", "/create_user", json=body).status_code == 409
    session = team.ask("POST", "/login", json={"username": "nia", "password": PASSWORD}).json()
    team.tokens["Nia"], nia = session["token"], session["user_id"]
    assert team.ask("GET", "/users", "Nia").status_code == 403
    answers = [team.ask("POST", "/reset_password", json={"username": name}) for name in ("Nia", "Nobody")]
    assert answers[0].text == answers[1].text
    asked = {each["username"]: each["asked_reset_at"] for each in team.ask("GET", "/users", "Ada").json()}
    assert asked["Nia"] is not None

    def again() -> None:
        known = {"username": "Nia", "password": "battery staple"}
        team.tokens["Nia"] = team.ask("POST", "/login", json=known).json()["token"]

    token = team.ask("POST", f"/reset_token/{nia}", "Ada").json()["token"]
    used = {"token": token, "new_password": "battery staple"}
    assert team.ask("POST", "/reset_password", json=used).status_code == 200
    assert team.ask("POST", "/reset_password", json=used).status_code == 400
    assert team.ask("GET", "/list_races", "Nia").status_code == 401
    again()
    assert team.ask("PUT", "/user_role", "Ada", json={"user_id": nia, "role": "engineer"}).json()["role"] == "engineer"
    again()
    assert team.ask("DELETE", "/delete_user?username=Eve", "Nia").status_code == 403
    assert team.ask("DELETE", "/delete_user?username=Nia", "Nia").status_code == 200
    assert team.ask("DELETE", "/delete_user?username=Vic", "Ada").status_code == 200
    assert team.ask("GET", "/list_races", "Vic").status_code == 401


def test_guessing_is_slowed_down_for_known_and_unknown_names_alike(team) -> None:
    codes = {}
    for name in ("Ada", "Nobody"):
        tries = [{"username": name, "password": f"guess {at} long"} for at in range(6)]
        guesses = [team.ask("POST", "/login", json=body) for body in tries]
        codes[name] = [guess.status_code for guess in guesses]
        assert int(guesses[-1].headers["Retry-After"]) > 0
    assert codes["Ada"] == codes["Nobody"] == [401] * 5 + [429]
    assert team.ask("POST", "/login", json={"username": "Ada", "password": PASSWORD}).status_code == 429


BAD = [
    ("POST", "/create_race", {"udp_port": 70_000}, 400),
    ("POST", "/create_race", {"stream_format": ["Speed"]}, 400),
    ("POST", "/create_race", {"decoder": "outrun"}, 400),
    ("POST", "/create_race", [], 400),
    ("GET", "/replay_race/none", None, 404),
    ("GET", "/watch_race/none/1", None, 404),
    ("DELETE", "/end_race/none", None, 404),
    ("GET", "/user_races/me", None, 400),
    ("POST", "/mark_race/none", {"text": "x" * 2000}, 400),
    ("POST", "/login", {"username": "x" * 100_000, "password": "y"}, 413),
]


def test_bad_requests_are_answered_in_one_form(team) -> None:
    for method, path, body, code in BAD:
        answer = team.ask(method, path, "Ada", json=body)
        assert (path, answer.status_code) == (path, code)
        assert set(answer.json()) == {"error", "code", "hint"}


def test_a_page_elsewhere_can_not_reach_it_by_another_name(team) -> None:
    answer = requests.get(team.side.http_url + "/health", headers={"Host": "evil.example"}, timeout=60)
    assert answer.status_code == 403


def test_beyond_this_machine_only_with_tls_and_ports_that_are_free(team, tmp_path: Path) -> None:
    with desk_in(tmp_path / "other") as desk:

        def side(addresses: RaceAddresses) -> RaceSide:
            return RaceSide(desk, team.accounts, SystemClock(), addresses)

        with pytest.raises(UsageError):
            side(RaceAddresses(("0.0.0.0", 0), ("127.0.0.1", 0))).start()
        taken = int(team.side.http_url.rpartition(":")[2])
        with pytest.raises(PortInUse):
            side(RaceAddresses(("127.0.0.1", 0), ("127.0.0.1", taken))).start()
        (tmp_path / "no.pem").write_text("no certificate")
        pem = tmp_path / "no.pem"
        with pytest.raises(ConfigError):
            side(RaceAddresses(("127.0.0.1", 0), ("127.0.0.1", 0), certificate=pem, key=pem)).start()


def test_with_a_certificate_it_is_served_over_tls(team, tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (tmp_path / "cert.pem").write_bytes(certificate.public_bytes(pem))
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (tmp_path / "key.pem").write_bytes(private)
    addresses = RaceAddresses(
        ("127.0.0.1", 0), ("127.0.0.1", 0), certificate=tmp_path / "cert.pem", key=tmp_path / "key.pem"
    )
    with desk_in(tmp_path / "tls") as desk:
        side = RaceSide(desk, team.accounts, SystemClock(), addresses)
        side.start()
        try:
            assert side.http_url.startswith("https://")
            assert side.viewers_url.startswith("wss://")
            with requests.Session() as session:
                headers, trusted = {"Connection": "close"}, str(tmp_path / "cert.pem")
                answer = session.get(side.http_url + "/health", headers=headers, verify=trusted, timeout=60)
            assert answer.json() == {"status": "healthy"}
        finally:
            side.stop()
