"""The kinds of destinations over HTTP: which protocol each speaks, and how a request proves who asks."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from transfer_core.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from transfer_core.upload.door import Step, Uploader

RELAY = "relay-http"  # a relay's HTTP side, alone or for when UDP does not get through
KINDS = ("chunked", "tus", "s3", RELAY)
_SHARED = frozenset({"pin", "ca_file", "compress"})
OPTIONS: Mapping[str, frozenset[str]] = {
    "chunked": _SHARED,
    "tus": _SHARED,
    RELAY: _SHARED - {"compress"},
    "s3": _SHARED | {"endpoint", "region", "key_id", "profile"},
}
Authorizer = Callable[["Step"], dict[str, str]]


@dataclass(frozen=True, slots=True)
class Target:
    """A destination over HTTP."""

    kind: str
    url: str
    token: str = field(default="", repr=False)
    options: Mapping[str, str] = field(default_factory=dict, repr=False)


def check_target(target: Target) -> Target:
    """The destination with its address as it is used. UsageError says what can't be."""
    url = check_url(target.url)
    scheme = urlsplit(url).scheme
    kind = "s3" if scheme == "s3" and not target.kind else target.kind
    if kind and kind not in KINDS:
        raise UsageError(f"{kind!r} is no kind of destination", hint="Kinds: " + ", ".join(KINDS))
    if (kind == "s3") != (scheme == "s3"):
        raise UsageError("a bucket's address is s3://BUCKET, and none else", hint="Its server goes with --endpoint.")
    unknown = sorted(set(target.options) - OPTIONS[kind or "chunked"])
    if unknown:
        raise UsageError(f"{', '.join(unknown)}: there is no such option for {kind or 'HTTP'}")
    if target.options.get("endpoint") and urlsplit(target.options["endpoint"]).scheme not in ("http", "https"):
        raise UsageError("an endpoint is an address such as https://s3.example.org")
    if kind == "s3" and bool(target.options.get("key_id")) != bool(target.token.strip()):
        raise UsageError("a key's id and its secret belong together", hint="Give both, or none.")
    if target.options.get("compress", "zstd") != "zstd":
        raise UsageError("files are compressed with zstd, or not at all")
    pin = target.options.get("pin", "")
    if pin and not re.fullmatch("[0-9a-f]{64}", pin.replace(":", "").lower()):
        raise UsageError("a pin is the certificate's SHA-256, 64 hexadecimal digits")
    return Target(kind, url, target.token.strip(), dict(target.options))


def check_url(url: str) -> str:
    """The address as it is used. UsageError if it is none of HTTP or S3; it may not hold a password."""
    try:
        parts = urlsplit(url.strip())
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise UsageError(f"{url!r} is no address: {error}") from error
    if parts.scheme not in ("http", "https", "s3") or not host:
        hint = "Write http://HOST:PORT, https://HOST or s3://BUCKET/PREFIX."
        raise UsageError(f"{url!r} is no address that files can be uploaded to", hint=hint)
    if parts.username is not None or parts.password is not None:
        raise UsageError("an address must not hold a name or a password", hint="Give a token with --token.")
    return url.strip()


def host_of(target: Target) -> str:
    """The machine that requests go to."""
    return urlsplit(endpoint_of(target)).hostname or ""


def endpoint_of(target: Target) -> str:
    """The server's own address; of a bucket, the bucket's."""
    if target.kind != "s3":
        return target.url
    bucket = urlsplit(target.url).hostname or ""
    endpoint = target.options.get("endpoint", "").rstrip("/")
    return f"{endpoint}/{bucket}" if endpoint else f"https://{bucket}.s3.{region_of(target)}.amazonaws.com"


def region_of(target: Target) -> str:
    """The bucket's region."""
    return target.options.get("region", "us-east-1")


def make_uploader(target: Target) -> Uploader:
    """The protocol of that destination, imported with its first one. UsageError if its kind is not known."""
    if target.kind in ("chunked", RELAY):
        from transfer_core.upload.chunked import ChunkedUploader, RelayUploader  # noqa: PLC0415

        return RelayUploader(target.url) if target.kind == RELAY else ChunkedUploader(target.url)
    if target.kind == "tus":
        from transfer_core.upload.tus import TusUploader  # noqa: PLC0415

        return TusUploader(target.url)
    if target.kind == "s3":
        from transfer_core.upload.s3 import S3Uploader  # noqa: PLC0415

        return S3Uploader(endpoint_of(target), urlsplit(target.url).path)
    raise UsageError(f"{target.kind!r} is no kind of destination", hint="Kinds: " + ", ".join(KINDS))


def make_authorizer(target: Target) -> Authorizer:
    """What adds a request's credentials to its headers. ConfigError if they lack."""
    token = target.token
    if target.kind == "s3":
        try:
            from transfer_core.upload.signing import make_signer  # noqa: PLC0415 - only who uses a bucket needs boto3
        except ImportError as error:
            hint = 'Install it with `pip install "drs-sync[s3]"`.'
            raise ConfigError("uploads to a bucket need boto3, which is not installed", hint=hint) from error
        options = target.options
        return make_signer(region_of(target), options.get("key_id", ""), token, options.get("profile", ""))

    def with_bearer(step: Step) -> dict[str, str]:
        return {**step.headers, "Authorization": f"Bearer {token}"} if token else dict(step.headers)

    return with_bearer
