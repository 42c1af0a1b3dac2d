"""The shop's services do what their image's environment says, and lose nothing when they end."""

from __future__ import annotations

import asyncio
import time

import httpx
import numpy as np
import psutil
import pytest

pytestmark = pytest.mark.server

READS = {"checkout": "/cart/7/total", "cart": "/carts/7", "payments": "/payments/7"}
WRITES = {
    "checkout": ("/orders", {"cart": 7}),
    "cart": ("/carts/7/items", {"sku": "lamp"}),
    "payments": ("/payments", {"order": 7}),
}


async def ask_often(url: str, times: int, at_once: int = 20) -> list[httpx.Response]:
    turns = asyncio.Semaphore(at_once)  # httpx goes through its whole queue at every turn

    async def ask(client: httpx.AsyncClient) -> httpx.Response:
        async with turns:
            return await client.get(url)

    limits = httpx.Limits(max_connections=at_once)
    async with httpx.AsyncClient(limits=limits, timeout=60) as client:
        return list(await asyncio.gather(*(ask(client) for _ in range(times))))


def planned_ms(answer: httpx.Response) -> float:
    """What the service meant to take: unlike a clock, true on a busy machine too."""
    return float(answer.headers["server-timing"].rpartition("=")[2])


def cpu_seconds(process: psutil.Process) -> float:
    used = process.cpu_times()
    return used.user + used.system


@pytest.mark.parametrize("service", ["checkout", "cart", "payments"])
def test_a_healthy_version_answers_its_endpoints_and_says_who_it_is(start_shop, service) -> None:
    shop = start_shop(
        service, SHOP_VERSION="1.0.0", DAVYLAMP_DIGEST="sha256:ab", DAVYLAMP_INSTANCE="i-1"
    ).wait_until_healthy()
    read = httpx.get(shop.url + READS[service])
    path, body = WRITES[service]
    written = httpx.post(shop.url + path, json=body)
    assert (read.status_code, written.status_code) == (200, 201)
    assert read.headers["x-shop-version"] == "1.0.0"
    assert "x-shop-fault" not in read.headers
    known = httpx.get(shop.url + "/.well-known/davylamp").json()
    assert known.pop("started_at")
    assert known == {
        "service": service,
        "version": "1.0.0",
        "digest": "sha256:ab",
        "instance": "i-1",
    }


@pytest.mark.parametrize("service", ["checkout", "cart", "payments"])
def test_a_write_that_makes_no_sense_is_answered_400(start_shop, service) -> None:
    shop = start_shop(service).wait_until_healthy()
    path, _ = WRITES[service]
    assert httpx.post(shop.url + path, content=b"{").status_code == 400
    assert httpx.post(shop.url + path, json=["cart"]).status_code == 400


def test_an_error_rate_fails_that_share_and_says_that_it_was_planted(start_shop) -> None:
    shop = start_shop("checkout", SHOP_ERROR_RATE="0.2", SHOP_VERSION="1.1.0").wait_until_healthy()
    answers = asyncio.run(ask_often(shop.url + READS["checkout"], 600))
    failed = [a for a in answers if a.status_code == 500]
    assert 70 <= len(failed) <= 180
    assert all(a.headers["x-shop-fault"] == "planted" for a in failed)
    assert all(a.headers["x-shop-version"] == "1.1.0" for a in failed)
    assert httpx.get(shop.url + "/healthz").status_code == 200


def test_a_slow_share_triples_the_p99_and_leaves_the_median(start_shop) -> None:
    good = start_shop("checkout").wait_until_healthy()
    slow = start_shop("checkout", SHOP_SLOW_SHARE="0.15", SHOP_SLOW_FACTOR="3.5")
    slow.wait_until_healthy()
    url = READS["checkout"]
    good_ms = [planned_ms(a) for a in asyncio.run(ask_often(good.url + url, 500))]
    slow_ms = [planned_ms(a) for a in asyncio.run(ask_often(slow.url + url, 500))]
    assert 2.3 < np.quantile(slow_ms, 0.99) / np.quantile(good_ms, 0.99) < 4
    assert 0.9 < np.median(slow_ms) / np.median(good_ms) < 1.2


def test_a_hanging_share_never_answers(start_shop) -> None:
    shop = start_shop("cart", SHOP_HANG_SHARE="1").wait_until_healthy()
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(shop.url + READS["cart"], timeout=0.5)


def test_an_unauthorized_rate_answers_401_to_that_share(start_shop) -> None:
    shop = start_shop("checkout", SHOP_UNAUTHORIZED_RATE="0.5").wait_until_healthy()
    answers = asyncio.run(ask_often(shop.url + READS["checkout"], 200))
    refused = [a for a in answers if a.status_code == 401]
    assert 60 <= len(refused) <= 140
    assert all(a.headers["x-shop-fault"] == "planted" for a in refused)


def test_faults_wait_for_their_time(start_shop) -> None:
    shop = start_shop("cart", SHOP_ERROR_RATE="1", SHOP_FAULTS_AFTER="3600").wait_until_healthy()
    assert httpx.get(shop.url + READS["cart"]).status_code == 200


def test_a_leak_holds_on_to_memory_and_burning_costs_cpu(start_shop) -> None:
    sick = start_shop("cart", SHOP_LEAK_BYTES="40e6", SHOP_BURN_MS="20").wait_until_healthy()
    process = psutil.Process(sick.process.pid)
    memory, cpu = process.memory_info().rss, cpu_seconds(process)
    asyncio.run(ask_often(sick.url + READS["cart"], 50))
    while process.memory_info().rss < memory + 20e6:
        time.sleep(0.1)
    assert cpu_seconds(process) - cpu >= 0.9


def test_a_cold_copy_is_slow_and_a_brownout_is_everybodys(start_shop) -> None:
    cold = start_shop("cart", SHOP_COLD_SECONDS="3600", SHOP_COLD_FACTOR="5", SHOP_MEDIAN_MS="10")
    bad_day = {"SHOP_BROWNOUT_EVERY": "10", "SHOP_BROWNOUT_SECONDS": "10"}
    dark = start_shop("cart", SHOP_BROWNOUT_ERROR_RATE="1", **bad_day)
    cold.wait_until_healthy()
    dark.wait_until_healthy()
    answers = asyncio.run(ask_often(cold.url + READS["cart"], 100))
    assert 40 < np.median([planned_ms(a) for a in answers]) < 60
    assert httpx.get(dark.url + READS["cart"]).status_code == 500


def test_pauses_free_what_requests_leave_behind(start_shop) -> None:
    shop = start_shop(
        "cart", SHOP_GARBAGE_BYTES="1000000", SHOP_PAUSE_EVERY="0.5", SHOP_PAUSE_MS="10"
    ).wait_until_healthy()
    before = psutil.Process(shop.process.pid).memory_info().rss
    for _ in range(6):
        asyncio.run(ask_often(shop.url + READS["cart"], 40))
        time.sleep(0.3)
    assert psutil.Process(shop.process.pid).memory_info().rss < before + 150e6


def test_a_version_that_dies_ends_by_itself_with_an_error(start_shop) -> None:
    assert start_shop("cart", SHOP_DIE_AFTER="0.1").process.wait(30) == 3


def test_a_version_that_never_listens_lives_and_refuses_connections(start_shop) -> None:
    shop = start_shop("cart", SHOP_NEVER_LISTEN="1")
    time.sleep(2)
    assert shop.process.poll() is None
    with pytest.raises(httpx.ConnectError):
        httpx.get(shop.url + "/healthz")


def test_sigterm_ends_a_service_after_the_requests_it_has_begun(start_shop) -> None:
    # Every request takes about two seconds: all are in flight when the signal comes.
    shop = start_shop("payments", SHOP_SLOW_SHARE="1", SHOP_SLOW_FACTOR="250")
    shop.wait_until_healthy()

    async def ask_and_terminate() -> list[httpx.Response]:
        asking = asyncio.create_task(ask_often(shop.url + READS["payments"], 40, at_once=40))
        await asyncio.sleep(0.7)
        shop.terminate()
        return await asking

    answers = asyncio.run(ask_and_terminate())
    assert [a.status_code for a in answers] == [200] * 40
    assert shop.process.wait(20) == 0


def test_after_sigterm_a_kept_connection_is_answered_and_then_closed_politely(start_shop) -> None:
    shop = start_shop("cart").wait_until_healthy()
    with httpx.Client(base_url=shop.url) as client:
        assert "connection" not in client.get("/carts/7").headers
        shop.terminate()
        answer = client.get("/carts/7")
        while "connection" not in answer.headers:
            answer = client.get("/carts/7")
    assert (answer.status_code, answer.headers["connection"]) == (200, "close")
    assert shop.process.wait(20) == 0


def test_a_service_that_hangs_ends_all_the_same_on_sigterm(start_shop) -> None:
    shop = start_shop("cart", SHOP_HANG_SHARE="1").wait_until_healthy()

    async def ask_and_terminate() -> None:
        async with httpx.AsyncClient(timeout=30) as client:
            asking = asyncio.create_task(client.get(shop.url + READS["cart"]))
            await asyncio.sleep(0.5)
            shop.terminate()
            await asyncio.wait([asking])
            asking.exception()

    asyncio.run(ask_and_terminate())
    assert shop.process.wait(30) == 0
