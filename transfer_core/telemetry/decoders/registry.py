"""The decoders there are, by name, and how one is made again of what a recording says about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from transfer_core.errors import ConfigError
from transfer_core.telemetry.decoders.base import Decoder
from transfer_core.telemetry.decoders.f1 import F1Decoder
from transfer_core.telemetry.decoders.liftoff import LiftoffDecoder
from transfer_core.telemetry.decoders.stream_format import FULL_FORMAT

DECODERS: Mapping[str, Callable[[Mapping[str, Any]], Decoder]] = {
    LiftoffDecoder.name: LiftoffDecoder.from_settings,
    F1Decoder.name: F1Decoder.from_settings,
}
LIFTOFF_FULL: Mapping[str, Any] = {"decoder": LiftoffDecoder.name, "StreamFormat": list(FULL_FORMAT)}


def make_decoder(settings: Mapping[str, Any]) -> Decoder:
    """The decoder with these settings (see `Decoder.settings`). ConfigError names what is wrong with them."""
    name = settings.get("decoder", LiftoffDecoder.name)
    if name not in DECODERS:
        raise ConfigError(f"there is no telemetry decoder {name!r}", hint="Use one of: " + ", ".join(DECODERS))
    if name == LiftoffDecoder.name and not isinstance(settings.get("StreamFormat"), list):
        raise ConfigError("the decoder liftoff needs a StreamFormat, a list of keys")
    return DECODERS[name](settings)
