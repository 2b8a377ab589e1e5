"""aioquic: one connection, one stream, CUBIC, packets of 1,500 bytes as IP counts, windows that never bind."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import importlib.metadata
import ssl
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.netlab.lab import Lab
from benchmarks.netlab.peers.base import Brought, Tally, pair, say_ready

BLOCK_BYTES = 1 << 18
UNSENT_BYTES_MAX = 4 << 20
WINDOW_BYTES = 1 << 30
DATAGRAM_BYTES = 1472


@dataclass(frozen=True, slots=True)
class Aioquic:
    """See the module."""

    name: str = "aioquic"
    command: str = 'QuicConfiguration(congestion_control_algorithm="cubic", max_datagram_size=1472)'

    def version(self) -> str | None:
        """As it is installed."""
        try:
            return importlib.metadata.version("aioquic")
        except importlib.metadata.PackageNotFoundError:
            return None

    def carry(self, made: Lab, folder: Path, source: Path, limit_s: float) -> Brought:
        """See `base.Peer`."""
        return pair(made, "quic", (), source, limit_s)


def _configuration(*, is_client: bool) -> Any:
    from aioquic.quic.configuration import QuicConfiguration

    return QuicConfiguration(
        is_client=is_client,
        alpn_protocols=["bench"],
        congestion_control_algorithm="cubic",
        max_datagram_size=DATAGRAM_BYTES,
        max_data=WINDOW_BYTES,
        max_stream_data=WINDOW_BYTES,
        idle_timeout=120.0,
        verify_mode=ssl.CERT_NONE,
    )


async def receive(host: str, port: int, size: int, limit_s: float) -> None:
    """Take one connection and count."""
    from aioquic.asyncio.protocol import QuicConnectionProtocol
    from aioquic.asyncio.server import serve
    from aioquic.quic.events import QuicEvent, StreamDataReceived

    tally = Tally()
    is_over = asyncio.Event()

    class Counting(QuicConnectionProtocol):
        def quic_event_received(self, event: QuicEvent) -> None:
            if isinstance(event, StreamDataReceived):
                tally.add(len(event.data))
                if tally.count >= size:
                    is_over.set()

    configuration = _configuration(is_client=False)
    configuration.certificate, configuration.private_key = _self_signed()
    await serve(host, port, configuration=configuration, create_protocol=Counting)
    say_ready()
    with contextlib.suppress(TimeoutError):  # what has come so far counts
        await asyncio.wait_for(is_over.wait(), limit_s)
    tally.say()


async def send(host: str, port: int, source: Path, limit_s: float) -> None:
    """One file over one stream; no more is handed over than the stream's buffer handles well."""
    from aioquic.asyncio.client import connect

    end = time.monotonic() + limit_s
    async with connect(host, port, configuration=_configuration(is_client=True)) as client:
        quic = client._quic
        stream = quic.get_next_available_stream_id()
        quic.send_stream_data(stream, b"")
        with source.open("rb") as file:
            while block := file.read(BLOCK_BYTES):
                quic.send_stream_data(stream, block)
                client.transmit()
                while len(quic._streams[stream].sender._buffer) > UNSENT_BYTES_MAX:
                    await asyncio.sleep(0.002)
        await asyncio.sleep(max(0.0, end - time.monotonic()))


def write_certificate(path: Path) -> Path:
    """A certificate and its key, for an hour's use."""
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    certificate, key = _self_signed()
    plain_key = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(certificate.public_bytes(Encoding.PEM) + plain_key)
    return path


def _self_signed() -> tuple[Any, Any]:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "bench")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now - datetime.timedelta(days=1))
    return builder.not_valid_after(now + datetime.timedelta(days=1)).sign(key, hashes.SHA256()), key


if __name__ == "__main__":
    if sys.argv[1] == "receive":
        asyncio.run(receive(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5])))
    else:
        asyncio.run(send(sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]), float(sys.argv[5])))
