"""Listening: ports, the live feed, and who sends. See `service.telemetry`."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from transfer_core.errors import ConflictError, NotFoundError
from transfer_core.events.telemetry import LIVE, ChannelView, ListenerView, SampleBatch, SampleBlock, SourceView
from transfer_core.telemetry.arrivals import Arrivals, merged
from transfer_core.telemetry.decoders.registry import LIFTOFF_FULL, make_decoder
from transfer_core.telemetry.decoders.stream_format import parse_configuration
from transfer_core.telemetry.desk_parts import DeskParts, LiveFigures, Port
from transfer_core.telemetry.feed import Feed
from transfer_core.telemetry.receiver import BUFFER_WANTED_BYTES, Listener, Receiver
from transfer_core.telemetry.relayed import Relayed

CROWD = 40  # senders in one batch
CROWD_WAIT_S = 0.04
SLOW = "this machine is too slow to show everything that arrives"
WAITING_MAX = 400  # batches that wait to be decoded for showing; recording has its own way


class ListenVerbs(DeskParts):
    """Decoding for the live feed has a thread of its own; what it has no time for is recorded all the same."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._to_decode: queue.Queue[tuple[Port, Arrivals] | None] = queue.Queue(WAITING_MAX)
        self._decoding: threading.Thread | None = None

    def layout(self, text: str) -> Mapping[str, Any]:
        """See `TelemetryService`."""
        return make_decoder({"decoder": "liftoff", "StreamFormat": list(parse_configuration(text).keys)}).settings

    def listen(self, port: int, *, host: str = "127.0.0.1", settings: Mapping[str, Any] | None = None) -> ListenerView:
        """See `TelemetryService`."""
        with self._lock:
            known = self._ports.get(port)
            if known is not None:
                if settings is not None and dict(settings) != dict(known.settings):
                    self._set_layout(known, settings)
                return self._listener_view(known)
        return self._listener_view(self._open_port(port, host, settings))

    def _set_layout(self, port: Port, settings: Mapping[str, Any]) -> None:
        if port.race_id is not None:
            raise ConflictError("a race records this port with another layout", hint="End the race first.")
        port.decoder, port.settings = make_decoder(settings), settings
        self._live.forget_port(port.listener.port)

    def _open_port(self, port: int, host: str, settings: Mapping[str, Any] | None) -> Port:
        chosen = LIFTOFF_FULL if settings is None else settings
        decoder = make_decoder(chosen)
        with self._lock:
            listener = self._ready().listen(host, port)
            opened = self._ports[listener.port] = Port(listener, chosen, decoder)
        return opened

    def _ready(self) -> Receiver:
        """The receiver, and the thread that decodes."""
        with self._lock:
            if self._receiver is None:
                self._receiver = Receiver(self._take)
                self._decoding = threading.Thread(target=self._decode_all, name="telemetry-decode", daemon=True)
                self._decoding.start()
            return self._receiver

    def _take(self, listener: Listener | Relayed, arrivals: Arrivals) -> None:
        """In the receiver's thread: the recording first."""
        port = self._ports.get(listener.port)
        if port is None:
            return
        recorder = port.recorder
        if recorder is not None:
            recorder.take(arrivals)
        self._pass_on(port, arrivals)
        try:
            self._to_decode.put_nowait((port, arrivals))
        except queue.Full:
            # what is shown may miss samples; what is recorded does not
            port.listener.error = SLOW

    def _pass_on(self, port: Port, arrivals: Arrivals) -> None:
        raise NotImplementedError

    def _decode_all(self) -> None:
        """What waits is decoded together; of a crowd some more is waited for, since each sender costs by the batch."""
        ended = False
        while not ended and (waiting := self._to_decode.get()) is not None:
            by_port = {id(waiting[0]): (waiting[0], [waiting[1]])}
            if len(set(waiting[1].senders)) > CROWD:
                time.sleep(CROWD_WAIT_S)
            for _ in range(self._to_decode.qsize()):
                more = self._to_decode.get()
                if more is None:
                    ended = True
                    break
                by_port.setdefault(id(more[0]), (more[0], []))[1].append(more[1])
            for port, parts in by_port.values():
                if port.listener.error == SLOW and self._to_decode.empty():
                    port.listener.error = ""
                self._decode(port, merged(parts))

    def _decode(self, port: Port, arrivals: Arrivals) -> None:
        number = port.listener.port
        before = self._live.refused(number)
        without = self._live.take(number, port.decoder, arrivals)
        refused = self._live.refused(number) - before
        port.refused += refused
        port.ignored += without - refused

    def stop_listening(self, port: int) -> None:
        """See `TelemetryService`."""
        with self._lock:
            known = self._ports.get(port)
            if known is None:
                raise NotFoundError(f"nothing listens on UDP port {port}", hint="See the list of listeners.")
            if known.race_id is not None:
                raise ConflictError(f"a race records UDP port {port}", hint="End the race first.")
        self._close_port(port)

    def _close_port(self, port: int) -> None:
        assert self._receiver is not None
        self._receiver.close_port(port)
        with self._lock:
            self._ports.pop(port, None)
        self._live.forget_port(port)

    def listeners(self) -> list[ListenerView]:
        """See `TelemetryService`."""
        with self._lock:
            return [self._listener_view(port) for _, port in sorted(self._ports.items())]

    def _listener_view(self, port: Port) -> ListenerView:
        listener = port.listener
        recorder = port.recorder
        is_relayed = isinstance(listener, Relayed)
        forward = LiveFigures()
        if port.forwards_to:
            forward = self._around.live_figures(port.forwards_to, listener.port)
        return ListenerView(
            listener.port,
            listener.host,
            port.decoder.name,
            tuple(port.settings.get("StreamFormat", ())),
            port.race_id,
            listener.buffer_bytes,
            0 if is_relayed else BUFFER_WANTED_BYTES,
            listener.kernel_drops(),
            listener.datagrams,
            port.refused,
            port.ignored,
            (recorder.error if recorder is not None else "") or listener.error,
            origin=listener.origin if isinstance(listener, Relayed) else "",
            missing=listener.missing if isinstance(listener, Relayed) else 0,
            forwards_to=port.forwards_to,
            forward_sent=forward.sent,
            forward_skipped=forward.skipped,
            forward_missing=forward.missing,
            forward_error=forward.why if port.forwards_to else "",
        )

    def _feed(self, feed: str) -> Feed:
        if feed == LIVE:
            return self._live
        raise NotFoundError(f"there is no replay {feed!r}", hint="Open it first.")

    def _feed_times(self, feed: str) -> tuple[int, int]:
        """Now on the clock of a feed's arrivals, and what makes it this process's monotonic clock."""
        if self._receiver is None:
            return 0, 0
        now_ns = self._receiver.now_ns()
        return now_ns, self._receiver.monotonic_of(now_ns) - now_ns

    def sources(self, feed: str = LIVE) -> list[SourceView]:
        """See `TelemetryService`."""
        return self._feed(feed).sources(*self._feed_times(feed))

    def channels(self, source_id: str, feed: str = LIVE) -> list[ChannelView]:
        """See `TelemetryService`."""
        return self._feed(feed).channels(source_id)

    def samples(
        self, source_id: str, channels: Sequence[str], since: int = 0, *, feed: str = LIVE, limit: int | None = None
    ) -> SampleBlock:
        """See `TelemetryService`."""
        return self._feed(feed).samples(source_id, channels, since, limit)

    def newer(
        self, cursors: Mapping[str, int], channels: Sequence[str], *, feed: str = LIVE, limit: int | None = None
    ) -> SampleBatch:
        """See `TelemetryService`."""
        return self._feed(feed).newer(cursors, channels, limit)

    def name_source(self, source_id: str, name: str) -> None:
        """See `TelemetryService`."""
        self._catalog.name_source(source_id, name)
        if name:
            self._names[source_id] = name
        else:
            self._names.pop(source_id, None)

    def _stop_listening_at_all(self) -> None:
        """At the end: what has arrived is recorded before this returns."""
        if self._receiver is not None:
            self._receiver.stop()
            self._to_decode.put(None)
            assert self._decoding is not None
            self._decoding.join()
