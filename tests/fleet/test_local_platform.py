from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from davylamp.errors import BadInput, Refused, Unreachable
from davylamp.fleet.local import LocalPlatform
from davylamp.ledger.instance import InstanceState
from davylamp.plane.processes import Identity, Process, is_alive, look_up, snapshot

pytestmark = pytest.mark.server


def session_of(pid: int) -> list[Process]:
    return [p for p in snapshot().values() if p.session == pid and not p.is_zombie]


def wait_until(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_copy_comes_up_and_reports_what_it_is(yard) -> None:
    order = yard.order(yard.well, "checkout")
    yard.platform.start(order)
    seen = yard.ready("checkout-1")
    assert (seen.service, seen.digest, seen.role) == ("checkout", order.digest, order.role)
    assert seen.release_id == 7
    assert seen.started_at is not None
    assert seen.memory_bytes > 1_000_000
    assert seen.cpu_seconds >= 0
    assert httpx.get(f"http://{seen.address}/").text == "fine"


def test_a_copy_gets_a_clean_environment_in_which_the_platform_has_the_last_word(yard) -> None:
    wanted = {"PORT": "1", "COLOUR": "blue", "DAVYLAMP_INSTANCE": "another"}
    yard.platform.start(yard.order(yard.well, "clean", environment=wanted))
    seen = yard.ready("clean-1")
    lines = httpx.get(f"http://{seen.address}/environment").text.splitlines()
    found = dict(line.split("=", 1) for line in lines)
    assert found["PORT"] == seen.address.split(":")[1]
    assert found["COLOUR"] == "blue"
    assert found["DAVYLAMP_INSTANCE"] == "clean-1"
    assert found["DAVYLAMP_DIGEST"] == seen.digest
    assert "PYTEST_CURRENT_TEST" not in found
    assert "DAVYLAMP_HOME" not in found


def test_what_a_copy_runs_is_read_from_its_process_wherever_that_has_gone(yard) -> None:
    order = yard.order(yard.begin + "os.chdir('/')\nserver.serve_forever()\n", "wanderer")
    yard.platform.start(order)
    assert yard.ready("wanderer-1").digest == order.digest


def test_an_order_given_twice_starts_once(yard) -> None:
    order = yard.order(yard.well, "twice", "twice-1", "twice-2")
    yard.platform.start(order)
    yard.platform.start(order)
    pids = {yard.ready(one).pid for one in order.ids}
    yard.platform.start(order)
    assert {yard.ready(one).pid for one in order.ids} == pids
    assert len([i for i in yard.platform.instances() if i.service == "twice"]) == 2


def test_an_id_in_use_is_refused_to_another_build(yard) -> None:
    yard.platform.start(yard.order(yard.well, "clash"))
    with pytest.raises(Refused, match="give copies of another build other ids"):
        yard.platform.start(yard.order(yard.well + "# 2", "clash"))


def test_a_copy_that_dies_at_once_has_failed_with_its_last_words(yard) -> None:
    yard.platform.start(yard.order("raise SystemExit('no database given')", "dies"))
    seen = yard.failed("dies-1")
    assert "exited with code 1 after" in seen.reason
    assert "no database given" in seen.reason
    assert seen.pid == 0
    assert seen.restarts == 0


def test_a_copy_that_never_listens_has_failed_and_is_ended(yard) -> None:
    program = "import time; time.sleep(600)"
    yard.platform.start(yard.order(program, "mute", start_seconds=1.0))
    pid = yard.when("mute-1", lambda i: i.pid).pid
    seen = yard.failed("mute-1")
    assert f"never listened on {seen.address} within 1 s" in seen.reason
    assert not session_of(pid)


def test_a_copy_that_answers_ill_has_failed_and_says_what_it_answered(yard) -> None:
    order = yard.order(yard.well, "ill", health_path="/ill", start_seconds=1.0)
    yard.platform.start(order)
    assert "answered 503 on /ill" in yard.failed("ill-1").reason


def test_a_copy_that_dies_is_started_again_on_its_port(yard) -> None:
    yard.platform.start(yard.order(yard.well, "phoenix"))
    before = yard.ready("phoenix-1")
    os.kill(before.pid, signal.SIGKILL)
    after = yard.when("phoenix-1", lambda i: i.state is InstanceState.READY and i.restarts == 1)
    assert after.address == before.address
    assert after.pid != before.pid


def test_a_crash_loop_ends_in_failure(yard) -> None:
    program = yard.begin + "threading.Timer(0.3, os._exit, [3]).start()\nserver.serve_forever()\n"
    yard.platform.start(yard.order(program, "loop"))
    seen = yard.failed("loop-1", seconds=40)
    assert "crash loop: died 5 times within 60 s" in seen.reason
    assert "exited with code 3" in seen.reason
    assert seen.pid == 0


def test_a_process_that_ignores_the_request_to_end_is_killed_with_its_children(yard) -> None:
    program = (
        yard.begin
        + "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        + "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        + "server.serve_forever()\n"
    )
    yard.platform.start(yard.order(program, "deaf"))
    pid = yard.ready("deaf-1").pid
    assert len(session_of(pid)) == 2
    yard.platform.stop(["deaf-1"], grace_seconds=0.5)
    assert not session_of(pid)
    assert yard.one("deaf-1") is None


WITH_A_RUNAWAY = """
child = [sys.executable, "-S", "-c", "import time; time.sleep(600)"]
runaway = subprocess.Popen(child, start_new_session=True)
print("runaway", runaway.pid, flush=True)
server.serve_forever()
"""


def runaway_of(yard, instance_id: str) -> Identity:
    """The process with a session of its own that the copy started."""
    yard.ready(instance_id)
    log = yard.home.logs / "instances" / f"{instance_id}.log"
    found = look_up(int(log.read_text().split("runaway ")[-1].split()[0]))
    assert found is not None
    return found.identity


def test_what_a_copy_started_ends_with_it(yard) -> None:
    yard.platform.start(yard.order(yard.begin + WITH_A_RUNAWAY, "parent"))
    runaway = runaway_of(yard, "parent-1")
    yard.platform.stop(["parent-1"])
    wait_until(lambda: not is_alive(runaway))  # killed; the kernel may take a moment


def test_what_a_copy_started_does_not_survive_a_killed_supervisor(yard) -> None:
    yard.platform.start(yard.order(yard.begin + WITH_A_RUNAWAY, "orphaned"))
    runaway = runaway_of(yard, "orphaned-1")
    yard.kill_supervisor_and_start_again()
    wait_until(lambda: not is_alive(runaway))


def test_stopping_ends_a_copy_and_forgets_it(yard) -> None:
    yard.platform.start(yard.order(yard.well, "brief"))
    pid = yard.ready("brief-1").pid
    yard.platform.stop(["brief-1", "never-heard-of"])
    assert yard.one("brief-1") is None
    assert look_up(pid) is None
    yard.platform.stop(["brief-1"])


def test_a_copy_that_still_unpacks_or_starts_can_be_stopped(yard) -> None:
    order = yard.order("import time; time.sleep(600)", "early")
    yard.platform.start(order)
    yard.platform.stop(["early-1"])
    assert yard.one("early-1") is None
    assert not [i for i in yard.platform.instances() if i.service == "early"]


def test_copies_survive_a_killed_supervisor_with_their_ids_and_ports(yard) -> None:
    yard.platform.start(yard.order(yard.well, "lasting"))
    yard.platform.start(yard.order("raise SystemExit(1)", "broken"))
    before = yard.ready("lasting-1")
    reason = yard.failed("broken-1").reason.split(" after ")[0]
    wait_until(lambda: reason in yard.home.instances.read_text())
    yard.kill_supervisor_and_start_again()
    after = yard.ready("lasting-1")
    assert (after.address, after.role, after.digest) == (
        before.address,
        before.role,
        before.digest,
    )
    assert after.pid != before.pid
    assert not session_of(before.pid)
    assert yard.failed("broken-1").reason.startswith(reason)


def test_an_unknown_image_has_failed_with_a_reason(yard) -> None:
    digest = "sha256:" + "0" * 64
    order = yard.order(yard.well, "unknown", start_seconds=1.0)
    yard.platform.start(replace(order, image=f"shop/unknown@{digest}", digest=digest))
    assert "could not be unpacked" in yard.failed("unknown-1").reason


def test_a_copy_comes_from_the_registry_its_order_names(yard) -> None:
    elsewhere = f"oci-layout://{yard.folder / 'another-registry'}"
    order = replace(yard, registry_url=elsewhere).order(yard.well, "abroad", start_seconds=5.0)
    yard.platform.start(replace(order, registry=elsewhere))
    assert yard.ready("abroad-1").digest == order.digest
    home = replace(yard, registry_url=elsewhere).order(yard.well + "# 2", "abroad", "abroad-2")
    yard.platform.start(replace(home, start_seconds=1.0))
    assert "could not be unpacked" in yard.failed("abroad-2").reason


def test_a_command_that_does_not_exist_has_failed_with_a_reason(yard) -> None:
    order = yard.order_running(["/app/no-such-program"], "nothing")
    yard.platform.start(order)
    assert "could not be started" in yard.failed("nothing-1").reason


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ids": ("../escape",)}, "expected letters"),
        ({"ids": ()}, "at least one id"),
        ({"image": "shop/odd@sha256:" + "1" * 64}, "does not end in"),
        ({"health_path": "healthz"}, "must begin with /"),
    ],
)
def test_an_order_that_makes_no_sense_is_bad_input(yard, change: dict, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        yard.platform.start(replace(yard.order(yard.well, "odd"), **change))


def test_no_plane_is_unreachable_and_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="davylamp up"):
        LocalPlatform(tmp_path / "plane.sock").instances()


def test_a_full_disk_at_unpacking_ends_in_failure_with_a_reason(yard) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    images = yard.home.images
    order = yard.order(yard.well, "large", start_seconds=1.0)
    size = ["-t", "tmpfs", "-o", "size=4k,nr_inodes=8", "tmpfs", str(images)]
    images.mkdir(exist_ok=True)
    if subprocess.run(["mount", *size], check=False, capture_output=True).returncode != 0:
        pytest.skip("mounting is not allowed here")
    try:
        yard.platform.start(order)
        assert "disk is full" in yard.failed("large-1").reason
    finally:
        subprocess.run(["umount", "-l", str(images)], check=True)


def test_what_a_copy_prints_is_in_its_log(yard) -> None:
    yard.platform.start(yard.order("print('hello')\n" + yard.well, "chatty"))
    yard.ready("chatty-1")
    log = yard.home.logs / "instances" / "chatty-1.log"
    wait_until(lambda: "hello" in log.read_text())
