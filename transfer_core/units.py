"""Conversions between the units used inside (ns, bytes, bit/s) and the text that people read and write."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

NS_PER_US = 1_000
NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000
MIB = 1024 * 1024

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?")
_DURATION_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, None: 1.0}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)b?")
_RATE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmg]?)(?:bit|bps|bit/s)?")
_SIZE_BYTES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def utc_iso(wall_ns: int) -> str:
    """UTC ISO 8601 with milliseconds and a Z: `2026-11-21T14:32:07.250Z`. `wall_ns` counts from 1970."""
    seconds, rest_ns = divmod(wall_ns, NS_PER_S)
    return f"{_second_text(seconds)}.{rest_ns // NS_PER_MS:03d}Z"


@lru_cache(maxsize=64)  # moments that are written down come in their order, many within one second
def _second_text(seconds: int) -> str:
    return (_EPOCH + timedelta(seconds=seconds)).replace(tzinfo=None).isoformat(timespec="seconds")


def seconds_of(utc_text: str) -> float:
    """What `utc_iso` wrote, as seconds since 1970; 0 for what it did not write."""
    try:
        return datetime.fromisoformat(utc_text).timestamp()
    except ValueError:
        return 0.0


def parse_rate_bps(text: str) -> float:
    """`20mbit`, `1.5 Gbit/s`, `500k` or a bare number of bits per second. ValueError if it is none."""
    match = _RATE.fullmatch(text.strip().lower())
    if match is None:
        raise ValueError(f"{text!r} is no rate such as 20mbit or 500kbit/s")
    return float(match[1]) * _SIZE_BYTES[match[2]]


def parse_duration_ns(text: str) -> int:
    """`10m`, `90s`, `1.5h`, `250ms` or a bare number of seconds, as nanoseconds. ValueError if it is none."""
    match = _DURATION.fullmatch(text.strip().lower())
    if match is None:
        raise ValueError(f"{text!r} is no duration such as 30s, 10m or 2h")
    return round(float(match[1]) * _DURATION_S[match[2]] * NS_PER_S)


def parse_bytes(text: str) -> int:
    """`500 MB`, `1.5GB`, `20k` or a bare number of bytes, in the units of `format_bytes`. ValueError if it is none."""
    match = _SIZE.fullmatch(text.strip().lower())
    if match is None:
        raise ValueError(f"{text!r} is no size such as 500MB or 1.5GB")
    return round(float(match[1]) * _SIZE_BYTES[match[2]])


def format_bytes(count: int) -> str:
    """Decimal units as disks and networks count them: `512 MB`, `1.6 GB`, `999 B`."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 999.5 or unit == "TB":
            digits = 0 if unit == "B" or value >= 99.95 else 1
            return f"{value:.{digits}f} {unit}"
        value /= 1000
    raise AssertionError("unreachable")


def format_rate(bits_per_s: float) -> str:
    """Always Mbit/s, so that figures compare at a glance: `78.4 Mbit/s`."""
    return f"{bits_per_s / 1e6:.1f} Mbit/s"


def format_duration(seconds: float | None) -> str:
    """`0.4 s`, `21 s`, `2 min 20 s`, `3 h 05 min`; blank when unknown or beyond four days."""
    if seconds is None or seconds < 0 or seconds > 4 * 86400:
        return ""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
