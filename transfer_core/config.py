"""Settings, with the unit in each name and the reason for each default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from transfer_core.errors import ConfigError, UsageError

PRIORITY_NAMES: Mapping[str, int] = {"critical": 1, "high": 2, "normal": 5, "low": 7, "background": 10}
PRIORITY_DEFAULT = 5


class Policy(StrEnum):
    """How paths share the work."""

    BONDED = "bonded"  # all links pull
    BEST = "best"  # the one with the highest score, with hysteresis
    REDUNDANT = "redundant"  # every byte on two


def parse_priority(text: str | int) -> int:
    """1 to 10 or one of the five names, as a number. UsageError if it is neither."""
    named = PRIORITY_NAMES.get(str(text).strip().lower())
    if named is not None:
        return named
    try:
        number = int(text)
    except ValueError:
        number = 0
    if not 1 <= number <= 10:
        names = ", ".join(PRIORITY_NAMES)
        raise UsageError(f"{text!r} is no priority", hint=f"Use 1 (first) to 10 (last), or {names}.")
    return number


def priority_name(priority: int) -> str:
    """`high` for 2; the bare number where it has no name."""
    return next((name for name, number in PRIORITY_NAMES.items() if number == priority), str(priority))


def check_dest_path(text: str) -> None:
    """UsageError for a path at a destination that would lead out of the folder that is meant for it."""
    if "\0" in text or any(part in (".", "..") for part in text.replace("\\", "/").split("/")):
        raise UsageError(f"{text!a} is no destination path", hint="Leave out . and ..")


@dataclass(frozen=True, slots=True)
class ScoreWeights:
    """The reference's weights; they are divided by their sum."""

    throughput: float = 0.40
    rtt: float = 0.30
    loss: float = 0.20
    stability: float = 0.10
    full_throughput_bps: float = 100e6  # this and more scores 1
    zero_rtt_ms: float = 200.0  # this and more scores 0


ATTEMPTS_MAX = 8
"""How often a job is tried in vain, unless a person says another number."""


@dataclass(frozen=True, slots=True)
class RetryPolicyConfig:
    """Exponential backoff with full jitter (AWS architecture blog, 2015)."""

    base_delay_s: float = 1.0
    max_delay_s: float = 300.0
    max_attempts: int = ATTEMPTS_MAX  # attempts that made no progress at all; waiting for a network is no attempt


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """How an agent sends."""

    chunk_bytes: int = 65_536  # the unit of hash, checkpoint and progress (reference: 64 KB)
    policy: Policy = Policy.BONDED
    scan_interval_s: float = 5.0  # reference: SCAN_INTERVAL
    probe_interval_s: float = 1.0  # light probes when idle
    open_files_max: int = 64  # files under way at once in a session
    small_files_max: int = 768  # and so many while they have no more than that to send: each takes a round trip or two
    small_files_bytes: int = 16 * 1024 * 1024
    rate_cap_bps: float | None = None
    given_up_kept_s: float = 30.0  # so long what was removed stays at its destination, for undo to go on with it
    weights: ScoreWeights = field(default_factory=ScoreWeights)
    retry: RetryPolicyConfig = field(default_factory=RetryPolicyConfig)

    def __post_init__(self) -> None:
        """Refuse what the wire can't carry."""
        if not 4096 <= self.chunk_bytes <= 1_048_576:
            raise ConfigError(f"chunk_bytes is {self.chunk_bytes}; it must be from 4096 to 1048576")


@dataclass(frozen=True, slots=True)
class RelayHttpConfig:
    """The relay's HTTP side and its limits."""

    upload_bytes_max: int = 1 << 40  # 1 TiB: more than any recording, less than a wrong number
    chunks_max: int = 100_000  # 500 GB in chunks of 5 MB
    open_uploads_max: int = 1000  # a record and a claim on the disk each
    connections_max: int = 512
    requests_per_s: float = 200.0  # of one client; chunks of 64 KiB over 100 Mbit/s
    requests_burst: int = 400
    header_timeout_s: float = 15.0  # a request's head has to be there by then
    body_timeout_s: float = 30.0  # without one byte of the body; the radio may have gone
    keep_alive_s: float = 75.0  # between two requests; a client on a slow link comes back to an open connection
    stop_timeout_s: float = 3.0  # requests under way may end when the relay is stopped
    sync_step_bytes: int = 4 * 1024 * 1024  # what streams in is fsynced not before this much, after sync_interval_s
    idle_expiry_s: float = 7 * 86_400.0  # a race weekend and the way home
    disk_threads: int = 8


@dataclass(frozen=True, slots=True)
class RelayConfig:
    """How a relay receives."""

    listen_host: str = "127.0.0.1"
    listen_port: int = 9000
    sync_interval_s: float = 0.5  # data is fsynced, then checkpointed, at least this often
    sync_bytes: int = 64 * 1024 * 1024  # or after this much
    quota_bytes_per_agent: int | None = None
    keep_free_bytes: int = 256 * 1024 * 1024  # never fill the disk beyond this
    rows_kept: int = 500_000  # of files that have come, the newest are listed and have receipts; a day of six cameras
    rows_kept_s: float = 90 * 86_400.0  # and none is for longer; the files themselves stay
    http: RelayHttpConfig = field(default_factory=RelayHttpConfig)
