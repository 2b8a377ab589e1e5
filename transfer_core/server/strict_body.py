"""What the local API's routes take as JSON."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class StrictBody(BaseModel):
    """A field that a route does not know is refused: left aside, what a misspelt one wants would be lost unsaid."""

    model_config = ConfigDict(extra="forbid")
