"""The admin port: alive, ready whatever broker and notary do, and figures that name nobody."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import httpx
import pytest
from fastapi import FastAPI
from opentelemetry import trace
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families as read_metrics

from api_caller import STEP_ONE
from canaries import CANARIES, scan_texts
from house.checkout import ROOT
from referral.api import admin
from referral.api.admin import make_admin
from referral.api.app import make_app
from referral.api.watched import Watched
from referral.exchange.broker import BrokerAway
from referral.metrics import Requests

if TYPE_CHECKING:
    from api_caller import Caller
    from nodes import Town
    from referral.exchange.broker import Broker


def asked(town: Town, agency: str, registry: CollectorRegistry | None = None) -> httpx.AsyncClient:
    """Return a client of the admin port of an agency's node."""
    app = make_admin(town.nodes[agency], registry or CollectorRegistry())
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://admin")


async def figures(client: httpx.AsyncClient) -> dict[str, float]:
    """Return every sample by its name and labels."""
    answer = await client.get("/metrics")
    assert answer.status_code == 200
    return {
        one.name + "".join(f"{{{label}}}" for label in one.labels.values()): one.value
        for family in read_metrics(answer.text)
        for one in family.samples
    }


async def test_a_node_that_works_is_alive_and_ready(caller: Caller) -> None:
    async with asked(caller.town, "be-fp") as client:
        alive, ready = await client.get("/livez"), await client.get("/readyz")

    assert (alive.status_code, alive.json()) == (200, {"status": "pass"})
    assert (ready.status_code, ready.json()) == (
        200,
        {"status": "pass", "checks": {"store": "open", "vault": "unlocked", "followers": "moving"}},
    )


async def test_a_broker_and_a_notary_that_are_away_leave_a_node_ready(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(_self: Broker, *_given: object, **_named: object) -> None:
        raise BrokerAway

    node = caller.town.nodes["be-fp"]
    for name in ("read", "end", "append", "append_each"):
        monkeypatch.setattr(type(node.worker._broker), name, away, raising=False)
    await node.worker.turn()
    node.worker.notary_away = True
    async with asked(caller.town, "be-fp") as client:
        ready, found = await client.get("/readyz"), await figures(client)

    assert ready.status_code == 200
    assert found["referral_broker_up"] == 0


async def test_followers_that_stand_still_and_a_store_that_is_shut_make_a_node_unready(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = caller.town.nodes["be-fp"]
    async with asked(caller.town, "be-fp") as client:
        monkeypatch.setattr(node.worker._together, "looked_at", time.monotonic() - admin.STANDSTILL - 1)
        standing = await client.get("/readyz")
        await caller.town.settle()
        again = await client.get("/readyz")
        node.node.store.close()
        shut = await client.get("/readyz")

    assert (standing.status_code, standing.json()["checks"]["followers"]) == (503, "standing")
    assert again.status_code == 200
    assert (shut.status_code, shut.json()["checks"]["store"]) == (503, "closed")


async def test_what_waits_for_a_receipt_is_counted_and_gone_when_the_receipt_comes(caller: Caller) -> None:
    case = await caller.new_case()
    await caller.post(f"/v1/cases/{case}/messages/assistance-request-notification", STEP_ONE)
    caller.town.nodes["be-fp"].worker.follow()
    async with asked(caller.town, "be-fp") as client:
        before = await figures(client)
        await caller.town.settle()
        after = await figures(client)

    assert before["referral_deliveries_waiting"] == 2
    assert after["referral_deliveries_waiting"] == 0
    assert after["referral_oldest_delivery_seconds"] == 0
    assert after["referral_events_total"] == caller.events()
    assert {value for name, value in after.items() if name.startswith("referral_follower_lag")} <= {0.0, 1.0, 2.0, 3.0}
    assert after["referral_epoch_keys_days"] > 30
    assert 0 < after["referral_disk_used_ratio"] < 1


@pytest.mark.checkout
async def test_every_figure_of_a_node_is_in_the_reference_and_every_label_holds_a_code(caller: Caller) -> None:
    case = await caller.new_case()
    registry = CollectorRegistry()
    app = make_app(caller.town.nodes["be-fp"])
    app.add_middleware(Watched, requests=Requests(registry))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://node") as api:
        for path in (f"/v1/cases/{case}", f"/v1/cases/{case}/standing?at=2026-09-01T00:00:00Z", "/nothing/Maria"):
            await api.get(path, headers=caller.headers())
        await api.request("MARIA", "/v1/cases")
    async with asked(caller.town, "be-fp", registry) as client:
        text = (await client.get("/metrics")).text
    told = (ROOT / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8")
    names = {name for family in read_metrics(text) for name in (family.name, f"{family.name}_total")}
    listed = set(re.findall(r"`(referral_[a-z_]+)`", told))
    routes = {one.labels["route"] for family in read_metrics(text) for one in family.samples if "route" in one.labels}

    assert {name for name in names if f"{name}_total" in names and not {name, f"{name}_total"} & listed} == set()
    assert routes == {"/v1/cases/{case}", "/v1/cases/{case}/standing", "-", "/v1/cases"}
    assert case not in text
    assert "be-fp" not in text
    assert "hu-fp" not in text
    assert "MARIA" not in text.upper()


async def test_of_two_hundred_canaries_in_what_is_asked_for_no_figure_holds_one(caller: Caller) -> None:
    registry = CollectorRegistry()
    app = make_app(caller.town.nodes["be-fp"])
    app.add_middleware(Watched, requests=Requests(registry))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://node") as api:
        for canary in CANARIES:
            await api.get(f"/v1/cases/{canary}", params={"q": canary}, headers=caller.headers())
            await api.get(f"/{canary}")
    async with asked(caller.town, "be-fp", registry) as client:
        text = (await client.get("/metrics")).text

    assert scan_texts([text]) == set()
    assert len(text.splitlines()) < 250


async def test_no_trace_is_made_even_where_somebody_has_set_up_tracing(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    named: list[str] = []

    class Tracing(trace.TracerProvider):
        """Gives tracers that remember what they were asked to trace."""

        def get_tracer(self, *given: object, **more: object) -> trace.Tracer:
            named.append(f"{given} {more}")
            return trace.NoOpTracer()

    monkeypatch.setattr(trace, "_TRACER_PROVIDER", Tracing())
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    app = make_app(caller.town.nodes["be-fp"])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://node") as api:
        assert (await api.get("/v1/cases", headers=caller.headers())).status_code == 200
        assert (await api.get("/v1/cases/Maria", headers=caller.headers())).status_code == 422
    async with asked(caller.town, "be-fp") as client:
        await client.get("/livez")

    assert named == []
    plain = FastAPI()
    plain.add_api_route("/x", lambda: "x")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(plain), base_url="http://plain") as client:
        await client.get("/x")
    assert named, "the framework would have traced"
