"""What is said and heard over HTTP, as OpenAPI shows it. Names of the reference's fields are kept."""

from __future__ import annotations

from pydantic import BaseModel, Field

PORT_MAX = 65535
LIST_MAX = 64


class NodeIn(BaseModel):
    """A machine registers: `node_id` is the public key that it paired with, in hex, or its fingerprint's start."""

    node_id: str = Field(min_length=16, max_length=64, pattern="^[0-9a-fA-F]+$")
    name: str = Field(min_length=1, max_length=200)
    address: str = Field(default="", max_length=255)
    port: int = Field(default=0, ge=0, le=PORT_MAX)
    watch_directories: list[str] = Field(default_factory=list, max_length=LIST_MAX)
    capabilities: list[str] = Field(default_factory=list, max_length=LIST_MAX)


class PathOut(BaseModel):
    """One way to a machine, as the relay sees it."""

    address: str
    rtt_ms: float | None
    rate_bps: float


class NodeOut(BaseModel):
    """A machine that takes part."""

    node_id: str
    name: str
    address: str
    port: int
    watch_directories: list[str]
    capabilities: list[str]
    status: str
    registered_at: str
    last_seen: str
    folders: list[str]
    paths: list[PathOut]


class Registered(BaseModel):
    """The answer to a registration."""

    status: str
    node_id: str
    message: str


class FolderOut(BaseModel):
    """A folder that is shared through this relay, as it stands here."""

    name: str
    state: str
    text: str
    files: int
    size_bytes: int
    waiting: int
    conflicts: int
    nodes: list[str]
    updated_at: str


class FileOut(BaseModel):
    """A path of a folder."""

    path: str
    what: str
    size_bytes: int
    by: str
    at: str


class VectorOut(BaseModel):
    """What one machine has of a path, and which edits its version has seen."""

    holder: str
    what: str
    size_bytes: int
    by: str
    at: str
    vector_clock: dict[str, int]
    standing: str


class ConflictSide(BaseModel):
    """One of two versions."""

    path: str
    by: str
    at: str
    size_bytes: int


class ConflictOut(BaseModel):
    """Two edits that had not seen each other; both are kept."""

    folder: str
    path: str
    in_place: ConflictSide | None
    beside: ConflictSide


class EventOut(BaseModel):
    """One line of what happened."""

    number: int
    at: str
    folder: str
    what: str
    path: str
    text: str


class SavingOut(BaseModel):
    """Bytes of one file, over all the times that this relay received it."""

    folder: str
    path: str
    at: str
    times: int
    full_bytes: int
    wire_bytes: int
    compressed_bytes: int


class MetricsOut(BaseModel):
    """Measured since this relay's folders were made; null where nothing has been measured yet."""

    nodes_registered: int
    nodes_online: int
    nodes_online_most: int
    folders: int
    files: int
    conflicts: int
    received_files: int
    sync_success_rate: float | None = Field(description="Of the changes that came: those in place, from 0 to 1.")
    average_sync_latency_ms: float | None = Field(description="From hearing of an edit until it is in place here.")
    full_bytes: int
    wire_bytes: int
    compressed_bytes: int
    bandwidth_saved: float | None = Field(description="Against full copies, from 0 to 1.")
    bandwidth_saved_over_compression: float | None = Field(description="Against compressed full copies; may be < 0.")
    at: str


class SampleOut(BaseModel):
    """Figures of one moment."""

    at: str
    nodes_online: int
    received_files: int
    full_bytes: int
    wire_bytes: int
    compressed_bytes: int
    latency_ms: float | None


class TopologyLink(BaseModel):
    """A connection between a machine and the relay."""

    source: str
    target: str
    paths: list[PathOut]


class TopologyOut(BaseModel):
    """Who is connected, over which ways."""

    nodes: list[NodeOut]
    links: list[TopologyLink]
