"""Passing telemetry on as it arrives, and taking what other machines pass on. See `service.telemetry`.

What is passed on leaves with the agent's sessions, ahead of files, now or not at all; recordings know nothing of it.
"""

from __future__ import annotations

from collections.abc import Sequence

from transfer_core.errors import ConflictError, NotFoundError
from transfer_core.events.telemetry import ListenerView
from transfer_core.protocol.live_frame import LiveDatagram
from transfer_core.telemetry.arrivals import Arrivals, source_name
from transfer_core.telemetry.decoders.registry import make_decoder
from transfer_core.telemetry.desk_parts import Port
from transfer_core.telemetry.listen_verbs import ListenVerbs
from transfer_core.telemetry.relayed import About, Relayed, decode_about, encode_about

OTHER_PORTS = 65_536  # feeds whose port is taken here are called by numbers from this one on
RELAYED_MAX = 256


class LiveVerbs(ListenVerbs):
    """A port is passed on to one relay at most."""

    def forward(self, port: int, destination: str, *, name: str = "") -> ListenerView:
        """See `TelemetryService`."""
        known = self._own_port(port)
        if known.forwards_to not in ("", destination):
            self.stop_forwarding(port)
        self._around.open_live(destination, port, self._about(known, name))
        with self._lock:
            known.forwards_to, known.forward_name = destination, name
        return self._listener_view(known)

    def stop_forwarding(self, port: int) -> None:
        """See `TelemetryService`."""
        known = self._own_port(port)
        with self._lock:
            destination, known.forwards_to = known.forwards_to, ""
        if destination:
            self._around.close_live(destination, port)

    def _stop_forwarding_at_all(self) -> None:
        with self._lock:
            passed_on = [number for number, port in self._ports.items() if port.forwards_to]
        for number in passed_on:
            self.stop_forwarding(number)

    def _own_port(self, port: int) -> Port:
        with self._lock:
            known = self._ports.get(port)
        if known is None or isinstance(known.listener, Relayed):
            raise NotFoundError(f"nothing listens on UDP port {port}", hint="Listen on it first.")
        return known

    def _about(self, port: Port, name: str) -> bytes:
        number = port.listener.port
        sources = {source.source_id for source in self._live.sources(0) if source.port == number}
        pilots = {source: pilot for source, pilot in self._names.items() if source in sources}
        return encode_about(About(name, number, port.settings, pilots))

    def name_source(self, source_id: str, name: str) -> None:
        """See `TelemetryService`. Those who get it live hear of it."""
        super().name_source(source_id, name)
        with self._lock:
            passed_on = [port for port in self._ports.values() if port.forwards_to]
        for port in passed_on:
            about = self._about(port, port.forward_name)
            self._around.open_live(port.forwards_to, port.listener.port, about)

    def _pass_on(self, port: Port, arrivals: Arrivals) -> None:
        if port.forwards_to:
            self._around.send_live(port.forwards_to, port.listener.port, arrivals)

    def _close_port(self, port: int) -> None:
        with self._lock:
            known = self._ports.get(port)
        if known is not None and isinstance(known.listener, Relayed):
            with self._lock:
                self._ports.pop(port, None)
            self._live.forget_port(port)
            return
        if known is not None and known.forwards_to:
            self.stop_forwarding(port)
        super()._close_port(port)

    # --- what others pass on
    def take_feed(self, origin: str, about: bytes) -> ListenerView:
        """Another machine has telemetry: it gets a port here that stands for it. ConfigError, ConflictError.

        The same port of the same machine gets the same one again; what it is called and who flies may have changed.
        """
        told = decode_about(about)
        decoder = make_decoder(told.settings)
        with self._lock:
            port = self._relayed(origin, told.port)
            if port is None:
                if len(self._ports) >= RELAYED_MAX:
                    raise ConflictError("too many telemetry feeds come here at once")
                number = told.port
                while number in self._ports:
                    number = max(number + 1, OTHER_PORTS)
                port = self._ports[number] = Port(Relayed(origin, number, told), told.settings, decoder)
            elif dict(port.settings) != dict(told.settings):
                self._set_layout(port, told.settings)
            assert isinstance(port.listener, Relayed)
            port.listener.about = told
            self._ready()
        for source, pilot in told.pilots.items():
            host, _, rest = source.rpartition(":")
            self._name_relayed(port.listener, host.removeprefix("[").removesuffix("]"), rest, pilot)
        return self._listener_view(port)

    def _name_relayed(self, listener: Relayed, host: str, rest: str, pilot: str) -> None:
        number, slash, vehicle = rest.partition("/")
        sender = listener.sender_here((host, int(number))) if number.isdecimal() and len(number) < 6 else None
        if sender is not None:
            source_id = source_name(sender, vehicle if slash else "")
            if self._names.get(source_id) != pilot:
                super().name_source(source_id, pilot)

    def _relayed(self, origin: str, port: int) -> Port | None:
        for each in self._ports.values():
            listener = each.listener
            if isinstance(listener, Relayed) and (listener.origin, listener.about.port) == (origin, port):
                return each
        return None

    def feed_name(self, port: int) -> str:
        """What the machine that passes it on calls a feed. NotFoundError."""
        with self._lock:
            known = self._ports.get(port)
        if known is None or not isinstance(known.listener, Relayed):
            raise NotFoundError(f"no machine passes telemetry on as port {port}")
        return known.listener.about.name

    def take_live(self, port: int, datagrams: Sequence[LiveDatagram], missing: int) -> None:
        """Datagrams of a feed that is taken, in order; `missing` of it did not come so far. One thread."""
        with self._lock:
            known = self._ports.get(port)
        if known is None or not isinstance(known.listener, Relayed):
            return
        known.listener.missing = missing
        arrivals = known.listener.arrivals(datagrams, self._ready().now_ns())
        if len(arrivals):
            self._take(known.listener, arrivals)

    def end_feed(self, port: int) -> None:
        """No more of it; a race that records it goes on until it is ended. NotFoundError."""
        with self._lock:
            known = self._ports.get(port)
        if known is None or not isinstance(known.listener, Relayed):
            raise NotFoundError(f"no machine passes telemetry on as port {port}")
        if known.race_id is None:
            self._close_port(port)
