"""The local API's part about destinations: where files can go, how much may go there, and what has become of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field

from transfer_core.errors import NotFoundError
from transfer_core.events import DestinationView, JobView
from transfer_core.server.strict_body import StrictBody
from transfer_core.service import DestinationTest, NewDestination, TransferService, UploadLimits

TEXT_MAX = 4096
LISTED_MAX = 1000


class DestinationBody(StrictBody):
    """A destination over HTTP: its address, what it speaks, what proves who asks."""

    url: str = Field(max_length=TEXT_MAX, description="http://, https:// or s3://BUCKET/PREFIX")
    name: str = Field(default="", max_length=TEXT_MAX)
    kind: str = Field(default="", max_length=20, description="chunked, tus, s3 or relay-http; empty: found out")
    token: str = Field(default="", max_length=TEXT_MAX, description="A bearer token; of a bucket its secret key")
    options: dict[str, str] = Field(default_factory=dict)

    def destination(self) -> NewDestination:
        """In the service's words."""
        return NewDestination(self.name, self.url, self.kind, self.token, self.options)


class PairBody(StrictBody):
    """A relay's pairing token, and what to call the relay here."""

    token: str = Field(max_length=TEXT_MAX)
    name: str | None = Field(default=None, max_length=80)


class FallbackBody(StrictBody):
    """A relay's HTTP side; an empty address for none."""

    url: str = Field(max_length=TEXT_MAX)
    pin: str = Field(default="", max_length=100)


class RetryBody(StrictBody):
    """Of which destination; empty: of all."""

    destination: str = Field(default="", max_length=80)


class WebhookBody(StrictBody):
    """An address to tell, and the secret that signs; empty: one is made."""

    url: str = Field(max_length=TEXT_MAX)
    secret: str = Field(default="", max_length=TEXT_MAX)


class LimitsBody(StrictBody):
    """What may be changed of the limits; what is left out stays. Rates are bits per second."""

    all_bps: float | None = Field(default=None, description="Of everything together; null: no cap")
    by_destination: dict[str, float] = Field(default_factory=dict)
    timetable: list[float | None] = Field(
        default_factory=list, max_length=168, description="A cap for each hour from Monday 0:00; 0: nothing goes"
    )
    concurrent: int = 2


def destination_object(view: DestinationView) -> dict[str, Any]:
    """A destination; its secrets are not among what can be seen."""
    return asdict(view)


def limits_object(limits: UploadLimits) -> dict[str, Any]:
    """All limits."""
    return {**asdict(limits), "timetable": list(limits.timetable)}


def history_object(job: JobView) -> dict[str, Any]:
    """A job that has ended."""
    return {
        "file_id": job.file_id,
        "file_path": job.path,
        "file_size": job.size,
        "file_hash": job.file_hash,
        "destination": job.destination,
        "status": job.status.value,
        "attempts": job.attempts,
        "error": job.error,
        "created_at": job.created_at,
        "completed_at": job.completed_at,
        "duration_s": job.duration_s,
    }


def upload_routes(service: TransferService) -> APIRouter:
    """The routes over a service."""
    router = APIRouter(tags=["destinations"])
    _add_destinations(router, service)
    _add_limits(router, service)
    _add_outcomes(router, service)
    return router


def _add_destinations(router: APIRouter, service: TransferService) -> None:
    @router.get("/api/destinations")
    def destinations() -> list[dict[str, Any]]:
        """Where files can go, and whether it is there."""
        return [destination_object(view) for view in service.destinations()]

    @router.post("/api/destinations")
    def add(new: DestinationBody) -> dict[str, Any]:
        """Keep a destination over HTTP."""
        return destination_object(service.uploads.add_destination(new.destination()))

    @router.post("/api/destinations/pair")
    def pair(new: PairBody) -> dict[str, Any]:
        """Keep the relay of a pairing token."""
        return destination_object(service.pair(new.token, new.name))

    @router.post("/api/destinations/test")
    def test(new: DestinationBody) -> dict[str, Any]:
        """Ask a destination whether it is there, without keeping it."""
        return _test_object(service.uploads.test_destination(new.destination()))

    @router.post("/api/destinations/{name}/test")
    def test_known(name: str) -> dict[str, Any]:
        """Ask a kept one whether it is there."""
        return _test_object(service.uploads.test_known(name))

    @router.put("/api/destinations/{name}/fallback")
    def fall_back(name: str, wanted: FallbackBody) -> dict[str, Any]:
        """A relay's HTTP side, for when UDP does not get through; an empty address for none."""
        return destination_object(service.uploads.set_fallback(name, wanted.url, wanted.pin))

    @router.delete("/api/destinations/{name}")
    def forget(name: str) -> dict[str, Any]:
        """Forget a destination for which nothing is queued."""
        if all(view.name != name for view in service.destinations()):
            raise NotFoundError(f"there is no destination {name!r}")
        service.forget_destination(name)
        return {"forgotten": name}


def _test_object(test: DestinationTest) -> dict[str, Any]:
    return asdict(test)


def _add_limits(router: APIRouter, service: TransferService) -> None:
    @router.get("/api/limits")
    def limits() -> dict[str, Any]:
        """How much may be sent, and when."""
        return limits_object(service.uploads.limits())

    @router.put("/api/limits")
    def change(wanted: LimitsBody) -> dict[str, Any]:
        """Change what is named, at once."""
        named: Mapping[str, Any] = wanted.model_dump(include=wanted.model_fields_set)
        if "timetable" in named:
            named = {**named, "timetable": tuple(named["timetable"])}
        service.uploads.change_limits(replace(service.uploads.limits(), **named))
        return limits_object(service.uploads.limits())

    @router.post("/api/pause-all")
    def pause_all() -> dict[str, Any]:
        """Send nothing until `resume-all`."""
        service.pause_all()
        return {"paused": True}

    @router.post("/api/resume-all")
    def resume_all() -> dict[str, Any]:
        """End `pause-all`."""
        service.resume_all()
        return {"paused": False}


def _add_outcomes(router: APIRouter, service: TransferService) -> None:
    @router.get("/api/history")
    def history(
        limit: Annotated[int, Query(ge=1, le=LISTED_MAX)] = 200,
        offset: Annotated[int, Query(ge=0, le=10**9)] = 0,
        find: Annotated[str, Query(max_length=TEXT_MAX)] = "",
    ) -> list[dict[str, Any]]:
        """Jobs that have ended, newest first."""
        return [history_object(job) for job in service.history(limit=limit, offset=offset, find=find)]

    @router.post("/api/retry-failed")
    def retry_failed(wanted: RetryBody | None = None) -> dict[str, Any]:
        """Queue all that failed again, or what failed for one destination."""
        return {"queued": service.uploads.retry_failed("" if wanted is None else wanted.destination)}

    @router.get("/api/files/{file_id}/receipt")
    def receipt(file_id: str) -> dict[str, Any]:
        """The relay's signed word that it has the file."""
        found = service.uploads.receipt(file_id)
        if found is None:
            raise NotFoundError(f"no receipt was given for {file_id!r}")
        return dict(found)

    @router.get("/api/webhooks")
    def webhooks() -> list[dict[str, Any]]:
        """Addresses that are told what has become of jobs."""
        return [asdict(view) for view in service.uploads.webhooks()]

    @router.post("/api/webhooks")
    def add_webhook(new: WebhookBody) -> dict[str, Any]:
        """Tell this address from now on; gives the secret that signs, which can't be seen again."""
        return {"url": new.url, "secret": service.uploads.add_webhook(new.url, new.secret)}

    @router.delete("/api/webhooks")
    def remove_webhook(url: Annotated[str, Query(max_length=TEXT_MAX)]) -> dict[str, Any]:
        """Tell this address no more."""
        service.uploads.remove_webhook(url)
        return {"removed": url}
