"""Finds others by multicast DNS (RFC 6762, RFC 6763): the service `_drs-sync._udp`, named by a key's fingerprint.

The instance is the fingerprint, the host is `FINGERPRINT.local`, and there is no text: no machine's name, no folder, no
path. Networks come and go, so the addresses are looked at every few seconds, and all is begun anew when they changed.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Collection
from ipaddress import IPv4Interface
from typing import TYPE_CHECKING

import psutil

from transfer_core.engine.direct.discovery import Found, Own, near

if TYPE_CHECKING:
    from zeroconf import ServiceStateChange, Zeroconf

_LOG = logging.getLogger(__name__)
SERVICE = "_drs-sync._udp.local."
LOOK_S = 3.0
ASK_MS = 3000
NARROWEST = 30  # a network of two hosts; what is narrower is a tunnel's end


def own_networks(chosen: Collection[str] | None = None) -> tuple[IPv4Interface, ...]:
    """This machine's addresses on networks that have room for others, but for loopback; of `chosen` interfaces."""
    up = {name for name, stats in psutil.net_if_stats().items() if stats.isup}
    found: set[IPv4Interface] = set()
    for name, addresses in psutil.net_if_addrs().items():
        for each in addresses if chosen is None or name in chosen else ():
            if name in up and each.family == socket.AF_INET and each.netmask:
                interface = IPv4Interface(f"{each.address}/{each.netmask}")
                if not interface.is_loopback and interface.network.prefixlen <= NARROWEST:
                    found.add(interface)
    return tuple(sorted(found))


class MulticastDiscovery:
    """See the module; implements `Discovery`."""

    def __init__(
        self,
        chosen: Collection[str] | None = None,
        networks: Callable[[Collection[str] | None], tuple[IPv4Interface, ...]] = own_networks,
    ) -> None:
        self._chosen, self._networks = chosen, networks
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, own: Own, found: Found) -> None:
        """See `Discovery`."""
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, args=(own, found), name="sync-near", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """See `Discovery`."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(10)
            self._thread = None

    def _run(self, own: Own, found: Found) -> None:
        """Announce on the networks that there are; anew when there are others."""
        present: tuple[IPv4Interface, ...] = ()
        announced: Zeroconf | None = None
        while not self._stopping.is_set():
            networks = self._networks(self._chosen)
            if networks != present:
                if announced is not None:
                    announced.close()
                announced = self._announce(own, found, networks) if networks else None
                present = networks if announced is not None or not networks else ()
            self._stopping.wait(LOOK_S)
        if announced is not None:
            announced.unregister_all_services()
            announced.close()

    def _announce(self, own: Own, found: Found, networks: tuple[IPv4Interface, ...]) -> Zeroconf | None:
        from zeroconf import Error, IPVersion, ServiceBrowser, ServiceInfo, Zeroconf  # noqa: PLC0415 - heavy

        info = ServiceInfo(
            SERVICE,
            f"{own.fingerprint}.{SERVICE}",
            port=own.port,
            addresses=[each.ip.packed for each in networks],
            server=f"{own.fingerprint}.local.",
        )
        try:
            made = Zeroconf(interfaces=[str(each.ip) for each in networks], ip_version=IPVersion.V4Only)
        except OSError as error:
            _LOG.info("the local network can't be asked who is near: %s", error)
            return None
        try:
            # No probing for a name that is a key's own: the others are to hear of it at once.
            made.register_service(info, cooperating_responders=True)
            ServiceBrowser(made, SERVICE, handlers=[_Listener(own.fingerprint, found, networks)])
        except (Error, OSError) as error:
            _LOG.info("this machine can't be announced on the local network: %s", error)
            made.close()
            return None
        return made


class _Listener:
    """Hears of others; called in the browser's thread."""

    def __init__(self, own: str, found: Found, networks: tuple[IPv4Interface, ...]) -> None:
        self._own, self._found, self._networks = own, found, networks

    def __call__(self, zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange) -> None:
        from zeroconf import IPVersion, ServiceStateChange  # noqa: PLC0415 - heavy

        fingerprint = name.removesuffix(f".{SERVICE}").lower()
        if fingerprint == self._own:
            return
        if state_change is ServiceStateChange.Removed:
            self._found(fingerprint, ())
            return
        info = zeroconf.get_service_info(service_type, name, timeout=ASK_MS)
        if info is None or not info.port:
            return
        hosts = info.parsed_addresses(IPVersion.V4Only)
        addresses = near([(host, info.port) for host in hosts], self._networks)
        if addresses:
            self._found(fingerprint, addresses)
