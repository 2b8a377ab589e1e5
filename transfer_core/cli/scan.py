"""`drs-sync scan`: look for links and measure them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transfer_core.cli import compose, output
from transfer_core.cli.options import Json, Links, Simulate, State, link_names
from transfer_core.units import format_rate

if TYPE_CHECKING:
    from transfer_core.events import LinkView


def scan(links: Links = None, simulate: Simulate = None, state: State = None, json: Json = False) -> None:
    """Show each link with throughput, RTT, loss, jitter, stability and score; and why one is left out."""
    with compose.open_service(state, links=link_names(links), simulation=simulate) as service:
        found = service.scan()
    if json:
        output.json_document([output.link_object(link) for link in found])
        return
    heads = ("link", "kind", "state", "throughput", "RTT", "jitter", "loss", "stability", "score", "from", "why")
    output.table(heads, [_row(link) for link in found], right=heads[3:9])


def _row(link: LinkView) -> tuple[str, ...]:
    score = link.score
    terms = ""
    if score is not None:
        terms = f"tp {score.throughput:.2f} rtt {score.rtt:.2f} loss {score.loss:.2f} stab {score.stability:.2f}"
    return (
        link.name,
        link.kind.value,
        link.state.value,
        "" if link.throughput_bps is None else format_rate(link.throughput_bps),
        "" if link.rtt_ms is None else f"{link.rtt_ms:.1f} ms",
        "" if link.jitter_ms is None else f"{link.jitter_ms:.1f} ms",
        "" if link.loss is None else f"{link.loss:.1%}",
        "" if score is None else f"{score.stability:.2f}",
        "" if score is None else f"{score.score:.2f}",
        terms,
        link.why,
    )
