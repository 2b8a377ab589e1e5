"""The relay's own certificate for TLS: made once, kept in the state directory, known to agents by its pin.

The file holds key and certificate in PEM. The certificate names no host: who has paired compares its SHA-256 with the
pin from the pairing token, which says more than a name does.
"""

from __future__ import annotations

import datetime
import ssl
from collections.abc import Callable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from transfer_core.errors import ConfigError, StateError
from transfer_core.storage.secret_file import read_or_make_secret
from transfer_core.units import NS_PER_S

FILE_NAME = "relay-http.pem"
NAME = "drs-sync relay"
_DAYS = 20 * 365  # its pin is what it is known by; that it expires would only break what works
_DAY_BEFORE = datetime.timedelta(days=1)  # for agents whose clock is behind


def own_certificate(state_dir: Path, wall_ns: Callable[[], int]) -> Path:
    """The file with this relay's key and certificate, made if it is not there. SecurityError, StateError."""
    path = state_dir / FILE_NAME
    try:
        read_or_make_secret(path, lambda: _make(wall_ns()))
    except OSError as error:
        raise StateError(f"{path} can't be read or made: {error.strerror}", hint="Check its permissions.") from error
    return path


def pin_of(certificate: Path) -> bytes:
    """SHA-256 of the first certificate in a PEM file. ConfigError if there is none."""
    try:
        return x509.load_pem_x509_certificate(certificate.read_bytes()).fingerprint(SHA256())
    except (OSError, ValueError) as error:
        raise ConfigError(f"{certificate} holds no certificate: {error}", hint="Name a PEM file.") from error


def check_pair(certificate: Path, key: Path) -> None:
    """ConfigError unless the certificate and the key are there and belong together."""
    try:
        no_prompt = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        no_prompt.load_cert_chain(certificate, key, password=lambda: "")
    except (OSError, ssl.SSLError) as error:
        what = f"{certificate} and {key} can't be used for TLS: {error}"
        raise ConfigError(
            what, hint="Name a certificate chain and its key, both in PEM, without a pass phrase."
        ) from error


def _make(wall_ns: int) -> bytes:
    key = generate_private_key(SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.datetime.fromtimestamp(wall_ns // NS_PER_S, datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _DAY_BEFORE)
        .not_valid_after(now + datetime.timedelta(days=_DAYS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("drs-sync-relay")]), critical=False)
        .sign(key, SHA256())
    )
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + certificate.public_bytes(Encoding.PEM)
