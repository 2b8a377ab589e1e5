"""A recording as one MCAP file (mcap.dev): the datagrams as they came, and what they say, for any tool that reads it.

Topics: `/raw/SOURCE` holds each datagram of a sender byte for byte; `/samples/SOURCE` (and `/KIND` where a game sends
several) holds its decoded samples as JSON objects by channel name. Log time is the time of arrival. Datagrams are
numbered through the whole recording, so that their order can be had back. A metadata record `drs-sync` tells the race.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transfer_core.errors import Cancelled, IntegrityError, SourceMissing, SourceUnreadable
from transfer_core.storage.durable import sync_file
from transfer_core.telemetry.arrivals import Arrivals, Sender, source_name
from transfer_core.telemetry.decoders.base import Decoder
from transfer_core.telemetry.log import LogReader, LogWriter
from transfer_core.telemetry.sampler import Sampler, Samples

if TYPE_CHECKING:
    from mcap.writer import Writer

SUFFIX = ".mcap"
METADATA = "drs-sync"
RAW_ENCODING = "x-datagram"
_TAKE = 2000  # datagrams of one record of a log made from an MCAP file


@dataclass(slots=True)
class Sealed:
    """What was written."""

    datagrams: int = 0
    samples: int = 0
    refused: int = 0


def write_mcap(
    log: Path, target: Path, decoder: Decoder, facts: Mapping[str, Any], stop: threading.Event | None = None
) -> Sealed:
    """Write a whole log to a new file, synced. OSError; Cancelled by `stop`; errors of the log."""
    from mcap.writer import Writer  # noqa: PLC0415 - only sealing needs it

    with target.open("xb") as out, LogReader(log) as reader:
        writer = Writer(out)
        writer.start(profile="", library="drs-sync")
        writer.add_metadata(METADATA, {"race": json.dumps(dict(facts))})
        whole = _Sealing(writer, Sampler(decoder))
        for record in reader.records():
            if stop is not None and stop.is_set():
                raise Cancelled("the recording was not sealed to its end", hint="It is sealed with the next start.")
            if record.arrivals is not None:
                whole.take(record.arrivals)
        writer.finish()  # type: ignore[no-untyped-call]
        out.flush()
        sync_file(out.fileno())
    return whole.done


@dataclass(slots=True)
class _Sealing:
    writer: Writer
    sampler: Sampler
    done: Sealed = field(default_factory=Sealed)
    raw: dict[Sender, int] = field(default_factory=dict)
    streams: dict[tuple[str, str, tuple[str, ...]], int] = field(default_factory=dict)

    def take(self, arrivals: Arrivals) -> None:
        for sender, time_ns, datagram in zip(arrivals.senders, arrivals.time_ns, arrivals.datagrams, strict=True):
            if sender not in self.raw:
                facts = {"host": sender[0], "port": str(sender[1])}
                self.raw[sender] = self.writer.register_channel(f"/raw/{source_name(sender)}", RAW_ENCODING, 0, facts)
            self.writer.add_message(self.raw[sender], time_ns, datagram, time_ns, self.done.datagrams & 0xFFFFFFFF)
            self.done.datagrams += 1
        for samples in self.sampler.take(arrivals):
            self._add_samples(samples)
        self.done.refused = self.sampler.refused

    def _add_samples(self, samples: Samples) -> None:
        channel = self._channel(samples)
        names = ("Run", *samples.channels)
        rows = zip(samples.time_ns.tolist(), samples.run.tolist(), samples.values.tolist(), strict=True)
        for time_ns, run, values in rows:
            # JSON has no NaN
            known = [value if value == value else None for value in values]  # noqa: PLR0124
            text = json.dumps(dict(zip(names, (run, *known), strict=True)), separators=(",", ":"))
            self.writer.add_message(channel, time_ns, text.encode(), time_ns, self.done.samples & 0xFFFFFFFF)
            self.done.samples += 1

    def _channel(self, samples: Samples) -> int:
        key = (samples.source_id, samples.kind, samples.channels)
        if key not in self.streams:
            number = {"type": ["number", "null"]}
            properties = {"Run": {"type": "integer"}, **dict.fromkeys(samples.channels, number)}
            schema = {"type": "object", "properties": properties}
            name = f"drs.{samples.kind or 'Samples'}"
            schema_id = self.writer.register_schema(name, "jsonschema", json.dumps(schema).encode())
            topic = f"/samples/{samples.source_id}" + (f"/{samples.kind}" if samples.kind else "")
            self.streams[key] = self.writer.register_channel(topic, "json", schema_id, {"source": samples.source_id})
        return self.streams[key]


def read_facts(path: Path) -> dict[str, Any]:
    """What a sealed race says about itself. IntegrityError if it is none; SourceMissing, SourceUnreadable."""
    from mcap.exceptions import McapError  # noqa: PLC0415
    from mcap.reader import make_reader  # noqa: PLC0415

    try:
        with path.open("rb") as file:
            for record in make_reader(file).iter_metadata():
                if record.name == METADATA:
                    facts = json.loads(record.metadata["race"])
                    if isinstance(facts, dict):
                        return facts
    except FileNotFoundError as error:
        raise SourceMissing(f"{path} is not there", hint="Choose another file.") from error
    except OSError as error:
        raise SourceUnreadable(f"{path} can't be read: {error.strerror or error}") from error
    except (McapError, ValueError, KeyError, EOFError) as error:
        raise IntegrityError(f"{path.name} is no whole MCAP file: {error}", hint="Choose another file.") from error
    raise IntegrityError(f"{path.name} is no recording of this program", hint="Choose another file.")


def read_into_log(path: Path, log: Path, header: Mapping[str, Any]) -> None:
    """Make a new log of a sealed race's datagrams. IntegrityError; errors of the log."""
    from mcap.exceptions import McapError  # noqa: PLC0415
    from mcap.reader import make_reader  # noqa: PLC0415

    writer = LogWriter.create(log, header)
    try:
        waiting: list[tuple[Sender, int, bytes]] = []
        with path.open("rb") as file:
            for _, channel, message in make_reader(file).iter_messages(log_time_order=True):
                if channel.message_encoding != RAW_ENCODING:
                    continue
                sender = (channel.metadata["host"], int(channel.metadata["port"]))
                waiting.append((sender, message.log_time, message.data))
                if len(waiting) >= _TAKE:
                    _append(writer, waiting)
        _append(writer, waiting)
        writer.sync()
    except (McapError, ValueError, KeyError, EOFError) as error:
        raise IntegrityError(f"{path.name} is no whole MCAP file: {error}", hint="Choose another file.") from error
    except OSError as error:
        raise SourceUnreadable(f"{path} can't be read: {error.strerror or error}") from error
    finally:
        writer.close()


def _append(writer: LogWriter, waiting: list[tuple[Sender, int, bytes]]) -> None:
    if waiting:
        senders, times, datagrams = zip(*waiting, strict=True)
        writer.append(Arrivals(senders, times, datagrams))
        waiting.clear()
