"""An instance may have two processes of each service, at one port."""

import json
from pathlib import Path

import pytest

from bodega.platform.engines.program import Program
from bodega.platform.programs import programs, stopping_order
from bodega.platform.secrets import Secrets
from bodega.platform.system import Instance, System

pytestmark = pytest.mark.unit


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    return System.load(local=False).instance("torture", tmp_path)


def parents(instance: Instance) -> list[Program]:
    """The programs that start services."""
    return [program for program in programs(instance, Secrets.of(instance)) if program.children]


def test_each_service_has_two_processes_of_which_both_take_the_same_port(instance: Instance) -> None:
    first, second = parents(instance)
    assert [child.name for child in first.children] == list(instance.system.services)
    assert [child.name for child in second.children] == [f"{name}-2" for name in instance.system.services]
    assert [child.port for child in first.children] == [child.port for child in second.children]
    assert all(child.shares_port for program in (first, second) for child in program.children)


def test_an_instance_that_asks_for_no_replicas_has_none(tmp_path: Path) -> None:
    (only,) = parents(System.load(local=False).instance("test", tmp_path))
    assert [child.name for child in only.children] == list(System.load(local=False).services)
    assert not any(child.shares_port for child in only.children)


async def test_each_is_told_which_it_is_and_nothing_else_that_the_other_is_not(instance: Instance) -> None:
    told = []
    for program in parents(instance):
        assert program.prepare is not None
        await program.prepare()
        folder = Path(program.command[-len(program.children) - 1])
        told.append([json.loads((folder / f"{child.name}.json").read_text()) for child in program.children])
    for first, second in zip(*told, strict=True):
        differs = {key: (first[key], second[key]) for key in first.keys() | second.keys() if first[key] != second[key]}
        assert list(differs.values()) == [("0", "1")]
        assert next(iter(differs)).endswith("_REPLICA")
        assert [value for key, value in first.items() if key.endswith("_REUSE_PORT")] == ["true"]


def test_all_services_are_stopped_before_what_they_need(instance: Instance) -> None:
    waves = stopping_order(programs(instance, Secrets.of(instance)))
    both = next(wave for wave in waves if "services" in wave)
    assert "services-2" in both
    assert "postgres" in waves[-1]
