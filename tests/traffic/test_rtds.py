"""The stream of shares: what it says, and that connecting again never keeps a share alive."""

from __future__ import annotations

import math
import threading
import time

import grpc
import pytest

from davylamp.errors import Unreachable
from davylamp.traffic.envoy import protobuf
from davylamp.traffic.envoy.rtds import RtdsServer

ONE = {"cand.checkout.r7": {"numerator": 500_000, "denominator": "MILLION"}}


@pytest.mark.parametrize("seconds", [0.0, -1.0, math.nan])
def test_an_answer_without_a_time_to_live_cannot_be_made(seconds):
    with pytest.raises(ValueError, match="time to live"):
        protobuf.runtime_response("shares", {}, serial=1, ttl_seconds=seconds)


def test_an_answer_never_lives_longer_than_asked_for():
    answer = protobuf.runtime_response("shares", ONE, serial=3, ttl_seconds=1.9999)
    assert answer.nonce == "3"
    assert b"cand.checkout.r7" in answer.resources[0].value
    assert resource_of(answer).ttl.ToMilliseconds() == 1999


def test_a_second_server_cannot_share_the_port(threads):
    first = RtdsServer(0)
    threads.run(first.start())
    second = RtdsServer(first.port)
    with pytest.raises(Unreachable, match="another traffic controller"):
        threads.run(second.start())
    threads.run(first.stop())


def test_whoever_connects_again_is_told_only_what_is_left(threads):
    server = RtdsServer(0)
    threads.run(server.start())
    threads.loop.call_soon_threadsafe(server.vouch, ONE, time.monotonic() + 2.0)
    first = told(server)
    time.sleep(0.7)
    second = told(server)
    time.sleep(1.5)
    third = told(server)
    assert 1500 < resource_of(first).ttl.ToMilliseconds() <= 2000
    assert resource_of(second).ttl.ToMilliseconds() <= 1300
    assert b"cand.checkout.r7" in second.resources[0].value
    assert b"cand.checkout.r7" not in third.resources[0].value
    assert resource_of(third).HasField("ttl")
    threads.run(server.stop())


def test_nothing_is_said_before_anybody_vouched_for_anything(threads):
    server = RtdsServer(0)
    threads.run(server.start())
    with pytest.raises(grpc.RpcError):
        told(server, seconds=0.5)
    threads.run(server.stop())


def told(server: RtdsServer, seconds: float = 5.0):
    """What a newly connected client is told first."""
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        call = channel.stream_stream(
            f"/{protobuf.STREAM_SERVICE}/{protobuf.STREAM_METHOD}",
            request_serializer=lambda m: m.SerializeToString(),
            response_deserializer=protobuf.DiscoveryResponse.FromString,
        )
        request = protobuf.DiscoveryRequest(
            resource_names=["shares"], type_url=protobuf.RUNTIME_TYPE
        )
        done = threading.Event()
        answers = call(asked_once(request, done), timeout=seconds)
        try:
            return next(answers)
        finally:
            done.set()


def asked_once(request, done: threading.Event):
    """One question, and the line kept open."""
    yield request
    done.wait(30)


def resource_of(answer):
    found = protobuf._Resource()
    found.ParseFromString(answer.resources[0].value)
    return found


@pytest.mark.server
def test_reconnecting_does_not_keep_a_share_alive_in_envoy(rig, backend, ask, load, envoy, threads):
    rig.ttl_seconds = 4.0
    begun = time.monotonic()
    assert rig.route(
        stable=(backend("stable"),), candidate=(backend("candidate"),), shares=(0.5, 0.0)
    )
    with load(envoy.listener_port, "checkout.shop") as users:
        arrivals = rig.rtds.arrivals
        while time.monotonic() < begun + 3.0:
            threads.run(rig.rtds.stop())
            threads.run(rig.rtds.start())
            time.sleep(0.6)
        assert rig.rtds.arrivals > arrivals
        time.sleep(3.0)
        answers = users.stop()
    assert answers.failures == []
    assert 3.5 < answers.last_seen["candidate"] - begun < 4.4
    assert ask.build("u") == "stable"
