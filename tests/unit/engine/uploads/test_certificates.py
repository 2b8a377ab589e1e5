"""A server whose certificate nobody vouches for, one that is pinned, and one that changed."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.chunk_server import ChunkServer
from tests.support.upload_world import UploadWorld, wait_until
from transfer_core.errors import CertificateRefused, UsageError
from transfer_core.events import JobState


def make_certificate(folder: Path, name: str) -> tuple[Path, Path, str]:
    """A certificate of its own, its key, and its SHA-256."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    begin = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + datetime.timedelta(days=3650))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    certificate_path, key_path = folder / f"{name}.pem", folder / f"{name}.key"
    certificate_path.write_bytes(certificate.public_bytes(pem))
    key_path.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return certificate_path, key_path, certificate.fingerprint(hashes.SHA256()).hex()


def serve(folder: Path, certificate: Path, key: Path, port: int = 0) -> ChunkServer:
    server = ChunkServer(folder, port)
    server.use_certificate(certificate, key)
    server.start()
    return server


def test_a_certificate_that_nobody_vouches_for_is_told_with_its_hash_and_works_once_pinned(
    world: UploadWorld, tmp_path: Path
) -> None:
    certificate, key, pin = make_certificate(tmp_path, "own")
    server = serve(tmp_path / "server", certificate, key)
    try:
        with pytest.raises(CertificateRefused) as refused:
            world.destination(server.url)
        assert pin in refused.value.hint
        world.destination(server.url, pin=pin)
        source = world.file("lap.bin", 6_000_000)
        world.arrive(world.queue(source))
        assert server.completed() == {"lap.bin": source.read_bytes()}
    finally:
        server.stop()


def test_a_certificate_that_changed_stops_the_upload_and_nothing_is_sent_until_it_is_the_old_one(
    world: UploadWorld, tmp_path: Path
) -> None:
    certificate, key, pin = make_certificate(tmp_path, "own")
    other_certificate, other_key, _ = make_certificate(tmp_path, "other")
    server = serve(tmp_path / "server", certificate, key)
    world.destination(server.url, pin=pin)
    wait_until(lambda: world.agent.destinations()[0].online is True, "online")
    server.stop()
    false = serve(tmp_path / "false", other_certificate, other_key, server.port)
    source = world.file("lap.bin", 6_000_000)
    file_id = world.queue(source)
    wait_until(lambda: "certificate" in world.agent.destinations()[0].why, "that it is noticed")
    assert world.job(file_id).status is JobState.PENDING
    false.stop()
    assert false.requests == []
    again = serve(tmp_path / "server", certificate, key, server.port)
    try:
        world.arrive(file_id)
        assert again.completed() == {"lap.bin": source.read_bytes()}
    finally:
        again.stop()


def test_what_is_no_pin_is_refused(world: UploadWorld) -> None:
    with pytest.raises(UsageError, match="SHA-256"):
        world.destination("https://127.0.0.1:9", kind="chunked", pin="abc")
