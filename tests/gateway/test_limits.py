"""How much, how often, how long, and what is asked again."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from bodega.kit.testing import PATIENCE_SECONDS, eventually
from tests.gateway.stage import EDGE_SECRET, Stage, bearer, stage

pytestmark = pytest.mark.service

MERCHANT = bearer(roles=("merchant",))
MEGABYTE = 1_000_000


async def test_a_body_of_a_megabyte_passes_and_a_larger_one_is_413(gateway: Stage) -> None:
    assert (await gateway.ask("POST", "/cart", body=b"x" * MEGABYTE)).seen.size == MEGABYTE
    for chunked in (False, True):
        answer = await gateway.ask("POST", "/cart", body=b"x" * (MEGABYTE + 1), chunked=chunked)
        assert (answer.status, answer.json["code"]) == (413, "request_too_large")


async def test_an_import_may_be_large_and_is_not_kept_back(gateway: Stage) -> None:
    target = "/admin/products/import?dry_run=true"
    for chunked in (False, True):
        answer = await gateway.ask("POST", target, MERCHANT, b"x" * (5 * MEGABYTE), chunked=chunked)
        assert answer.seen.size == 5 * MEGABYTE
    assert (await gateway.ask("POST", "/admin/products", MERCHANT, b"x" * (5 * MEGABYTE))).status == 413


async def test_an_import_that_says_it_is_over_50_megabytes_is_413_at_once(gateway: Stage) -> None:
    answer = await gateway.ask("POST", "/admin/products/import", MERCHANT | {"Content-Length": "50000001"}, b"x")
    assert (answer.status, answer.json["code"]) == (413, "request_too_large")


async def test_an_import_needs_a_merchant_like_its_neighbours(gateway: Stage) -> None:
    assert (await gateway.ask("POST", "/admin/products/import", body=b"x")).status == 401
    assert (await gateway.ask("POST", "/admin/products/import", bearer(), b"x")).status == 403


async def test_header_fields_that_are_too_large_are_431(gateway: Stage) -> None:
    assert (await gateway.ask("GET", "/cart", {"X-Large": "x" * 20_000})).status == 200
    answer = await gateway.ask("GET", "/cart", {"X-Large": "x" * 70_000})
    assert (answer.status, answer.json["code"]) == (431, "request_too_large")


async def test_what_is_not_http_is_400(gateway: Stage) -> None:
    for lines in (b"GET /cart HTTP/1.1\r\n\r\n", b"GET /cart HTTP/1.1\r\nHost: a\r\nBad Header: x\r\n\r\n"):
        answer = await gateway.say(lines)
        assert (answer.status, answer.json["code"]) == (400, "malformed_request")


async def test_two_lengths_are_400_and_nothing_is_smuggled(gateway: Stage) -> None:
    before = len(gateway.seen)
    both = b"POST /cart HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x"
    assert (await gateway.say(both)).status == 400
    assert len(gateway.seen) == before


async def _statuses(gateway: Stage, count: int, method: str, target: str, address: str) -> list[int]:
    asked = (gateway.ask(method, target, body=b"{}", address=address) for _ in range(count))
    return [answer.status for answer in await asyncio.gather(*asked)]


async def test_too_many_log_ins_from_one_address_are_429_with_retry_after(gateway: Stage) -> None:
    statuses = await _statuses(gateway, 40, "POST", "/auth/login", "127.0.0.10")
    assert statuses.count(200) >= 30
    assert 429 in statuses
    answer = await gateway.ask("POST", "/auth/login", body=b"{}", address="127.0.0.10")
    for _ in range(40):
        if answer.status == 429:
            break
        answer = await gateway.ask("POST", "/auth/login", body=b"{}", address="127.0.0.10")
    # The gateway's refusal does not know the class: it names the longest wait of all, that of `forms`.
    assert (answer.status, answer.json["code"], answer.headers["retry-after"]) == (429, "too_many_requests", "2")


async def test_another_address_and_another_class_are_not_touched(gateway: Stage) -> None:
    assert 429 in await _statuses(gateway, 40, "POST", "/auth/login", "127.0.0.11")
    assert set(await _statuses(gateway, 20, "POST", "/auth/login", "127.0.0.12")) == {200}
    assert set(await _statuses(gateway, 20, "GET", "/products", "127.0.0.11")) == {200}


async def test_all_paths_of_a_class_are_counted_together(gateway: Stage) -> None:
    assert 429 in await _statuses(gateway, 40, "POST", "/auth/login", "127.0.0.13")
    assert 429 in await _statuses(gateway, 20, "POST", "/auth/password/forgot", "127.0.0.13")


async def test_a_false_address_does_not_evade_the_limit(gateway: Stage) -> None:
    asked = (
        gateway.ask("POST", "/auth/login", {"X-Forwarded-For": f"8.8.8.{n}"}, b"{}", address="127.0.0.14")
        for n in range(40)
    )
    assert 429 in [answer.status for answer in await asyncio.gather(*asked)]


async def test_looking_at_a_checkout_does_not_use_up_what_paying_may(gateway: Stage) -> None:
    assert set(await _statuses(gateway, 60, "GET", "/checkout/chk_1", "127.0.0.15")) == {200}
    assert 429 in await _statuses(gateway, 80, "POST", "/checkout", "127.0.0.15")


async def test_behind_the_edge_each_shopper_is_a_client_of_their_own(gateway: Stage) -> None:
    async def log_in(shopper: str) -> int:
        headers = {"X-Edge-Secret": EDGE_SECRET, "X-Forwarded-For": f"9.9.9.9, {shopper}"}
        return (await gateway.ask("POST", "/auth/login", headers, b"{}", port=gateway.edge)).status

    assert 429 in await asyncio.gather(*(log_in("8.8.4.4") for _ in range(40)))
    assert set(await asyncio.gather(*(log_in("8.8.4.5") for _ in range(20)))) == {200}
    # All of a household's IPv6 addresses are one client.
    assert 429 in await asyncio.gather(*(log_in(f"2001:db8:1:1::{n:x}") for n in range(1, 41)))


async def test_an_unlimited_network_is_not_counted_and_all_others_are(tmp_path: Path) -> None:
    async with stage(tmp_path, name="bench") as bench:
        assert set(await _statuses(bench, 60, "POST", "/auth/login", "127.1.0.16")) == {200}
        assert 429 in await _statuses(bench, 40, "POST", "/auth/login", "127.0.0.16")
        assert 429 in await _statuses(bench, 40, "POST", "/auth/login", "127.2.0.16")


async def test_behind_the_edge_an_unlimited_network_is_that_of_the_shopper(tmp_path: Path) -> None:
    async with stage(tmp_path, name="bench") as bench:

        async def log_in(shopper: str) -> int:
            headers = {"X-Edge-Secret": EDGE_SECRET, "X-Forwarded-For": f"127.1.0.17, {shopper}"}
            return (await bench.ask("POST", "/auth/login", headers, b"{}", port=bench.edge)).status

        assert set(await asyncio.gather(*(log_in("127.1.0.17") for _ in range(60)))) == {200}
        assert 429 in await asyncio.gather(*(log_in("8.8.4.6") for _ in range(40)))


async def test_what_takes_too_long_is_504(gateway: Stage) -> None:
    started = time.monotonic()
    answer = await gateway.ask("POST", "/cart?sleep=25", body=b"{}")
    assert (answer.status, answer.json["code"]) == (504, "timeout")
    assert 1.9 < time.monotonic() - started < 20
    assert answer.headers["retry-after"] == "1"


async def test_a_request_that_never_ends_is_408(gateway: Stage) -> None:
    answer = await gateway.ask("POST", "/cart", {"Content-Length": "10"}, b"x")
    assert (answer.status, answer.json["code"]) == (408, "timeout")


async def test_a_service_is_told_how_long_it_has(gateway: Stage) -> None:
    assert (await gateway.ask("GET", "/products")).seen.headers["bodega-deadline-ms"] == "950"


@pytest.mark.parametrize("trouble", ["answer=503", "answer=502", "drop=1"])
async def test_reading_is_tried_thrice_and_changing_once(gateway: Stage, trouble: str) -> None:
    read, write = f"/orders?{trouble}&read=1", f"/orders?{trouble}&write=1"
    await gateway.ask("GET", read)
    answer = await gateway.ask("POST", write, body=b"{}")
    assert answer.status in (502, 503)
    assert (gateway.count(read), gateway.count(write)) == (3, 1)
    assert (await gateway.ask("GET", "/orders")).status == 200


async def test_the_only_replica_is_asked_on_whatever_it_does(gateway: Stage) -> None:
    """A shop that is slow because many buy must not be closed to all of them."""
    for trouble in ("drop=1", "sleep=25"):
        failing = (gateway.ask("POST", f"/inventory?{trouble}&n={n}", body=b"{}") for n in range(12))
        assert {answer.status for answer in await asyncio.gather(*failing)} <= {503, 504}
        for n in range(10):
            assert (await gateway.ask("GET", f"/inventory?after={trouble}{n}")).status == 200


async def test_one_replica_of_two_that_drops_everything_is_left_alone(tmp_path: Path) -> None:
    dropped = 0

    async def drops(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal dropped
        dropped += 1
        writer.transport.abort()

    async with await asyncio.start_server(drops, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]

        def beside_it(cluster: dict[str, Any]) -> None:
            if cluster["name"] == "inventory":
                address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
                cluster["load_assignment"]["endpoints"][0]["lb_endpoints"].append({"endpoint": {"address": address}})

        async with stage(tmp_path, change=beside_it) as two:

            async def good_ones() -> None:
                """Each second request would fail, were both asked."""
                answers = [await two.ask("POST", "/inventory", body=b"{}") for _ in range(8)]
                assert {answer.status for answer in answers} == {200}

            await eventually(good_ones)
    assert dropped >= 5


async def test_more_than_may_wait_for_a_service_are_told_that_it_is_busy(tmp_path: Path) -> None:
    def narrow(cluster: dict[str, Any]) -> None:
        cluster["circuit_breakers"]["thresholds"][0] |= {"max_connections": 1, "max_pending_requests": 1}

    async with stage(tmp_path, change=narrow) as way:
        asked = (way.ask("POST", "/cart?sleep=0.5", body=b"{}") for _ in range(6))
        refused = [answer for answer in await asyncio.gather(*asked) if answer.status != 200]
        assert len(refused) >= 4
        for answer in refused:
            assert (answer.status, answer.json["code"], answer.headers["retry-after"]) == (503, "busy", "2")
            assert answer.headers["content-type"] == "application/problem+json"
        assert way.count("/cart?sleep=0.5") == 6 - len(refused), "what is refused has not been sent"


async def test_a_service_that_answers_503_is_asked_on(gateway: Stage) -> None:
    for n in range(10):
        await gateway.ask("POST", f"/shipping?answer=503&n={n}", body=b"{}")
    assert (await gateway.ask("GET", "/shipping")).status == 200


async def test_what_a_service_answers_is_not_touched(gateway: Stage) -> None:
    answer = await gateway.ask("GET", "/orders?answer=404")
    assert (answer.status, answer.json["target"]) == (404, "/orders?answer=404")
    assert gateway.count("/orders?answer=404") == 1
    answer = await gateway.ask("POST", "/orders?answer=500", body=b"{}")
    assert (answer.status, answer.json["service"]) == (500, "orders")


async def test_a_service_that_is_down_is_503_with_retry_after(gateway: Stage) -> None:
    for method in ("GET", "PUT"):
        answer = await gateway.ask(method, "/notifications/preferences", bearer())
        assert (answer.status, answer.json["code"], answer.headers["retry-after"]) == (503, "unavailable", "1")


async def test_a_checkouts_events_outlast_every_time_out_and_come_as_they_happen(gateway: Stage) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.public)
    target = "/checkout/chk_1/events"
    writer.write(f"GET {target} HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip, br, zstd\r\n\r\n".encode())
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    assert " 200 " in head.splitlines()[0]
    assert "content-encoding" not in head
    # The second event is only told once the first was read: it did not wait for others to be sent with.
    await asyncio.wait_for(reader.readuntil(b"data: reserved\n\n"), PATIENCE_SECONDS)
    await asyncio.sleep(2.5)  # longer than any request may take
    gateway.completes.set()
    await asyncio.wait_for(reader.readuntil(b"data: completed\n\n"), PATIENCE_SECONDS)
    writer.close()


async def test_only_reading_the_events_has_no_end(gateway: Stage) -> None:
    assert (await gateway.ask("GET", "/checkout/chk_1?sleep=5")).status == 504
