from __future__ import annotations

import socket
from pathlib import Path

from davylamp.plane.ports import HOST, choose_ports, free_port, is_free


def test_a_restart_keeps_its_ports(tmp_path: Path) -> None:
    file = tmp_path / "ports.json"
    first = choose_ports(file, any_port=True)
    assert choose_ports(file, any_port=True) == first


def test_a_port_taken_meanwhile_is_replaced_and_the_others_stay(tmp_path: Path) -> None:
    file = tmp_path / "ports.json"
    first = choose_ports(file, any_port=True)
    with socket.create_server((HOST, first.envoy)):
        second = choose_ports(file)
    assert second.envoy != first.envoy
    assert second.postgres == first.postgres


def test_no_two_parts_share_a_port(tmp_path: Path) -> None:
    chosen = choose_ports(tmp_path / "ports.json", any_port=True)
    assert len(set(vars(chosen).values())) == len(vars(chosen))


def test_unreadable_memory_of_ports_costs_new_ports_only(tmp_path: Path) -> None:
    file = tmp_path / "ports.json"
    file.write_text("{half")
    assert choose_ports(file, any_port=True).postgres > 0


def test_a_listened_port_is_not_free() -> None:
    port = free_port()
    with socket.create_server((HOST, port)):
        assert not is_free(port)
