"""platform.toml is read, and a description that contradicts itself is refused with every fault named."""

import itertools
import tomllib
from pathlib import Path
from typing import Any

import pytest

from bodega.platform.system import ROOT, System, SystemDescriptionError

pytestmark = pytest.mark.unit


@pytest.fixture
def described() -> dict[str, Any]:
    return tomllib.loads((ROOT / "platform.toml").read_text())


def load(tmp_path: Path, text: str, local: str | None = None) -> System:
    path = tmp_path / "platform.toml"
    path.write_text(text)
    if local is not None:
        (tmp_path / "platform.local.toml").write_text(local)
    return System.load(path)


def changed(old: str, new: str) -> str:
    text = (ROOT / "platform.toml").read_text()
    assert text.count(old) >= 1, old
    return text.replace(old, new, 1)


def test_describes_eleven_services() -> None:
    system = System.load(local=False)
    assert sorted(system.services) == [
        "auth", "cart", "catalog", "checkout", "inventory", "notifications", "orders", "payments", "search", "shipping",
        "users",
    ]  # fmt: skip
    assert all(service.name == name for name, service in system.services.items())


def test_an_instance_moves_every_port_except_those_it_names() -> None:
    system = System.load(local=False)
    shop, test = system.instance(), system.instance("test")
    assert test.port("postgres", "sql") == shop.port("postgres", "sql") + 10000
    assert test.service_port("orders") == 17107
    assert test.port("opensearch", "http") == 9261


def test_two_instances_never_meet_on_a_port() -> None:
    system = System.load(local=False)
    of = [
        {port for ports in instance.ports.values() for port in ports.values()}
        | {instance.service_port(name) for name in system.services}
        for instance in map(system.instance, ("shop", "test", "bench", "torture"))
    ]
    assert all(not one & other for one, other in itertools.combinations(of, 2))


def test_instances_keep_their_data_apart(tmp_path: Path) -> None:
    system = System.load(local=False)
    assert system.instance("shop", tmp_path).data == tmp_path / "shop"
    assert system.instance("test", tmp_path).data == tmp_path / "test"


def test_only_the_bench_has_addresses_without_limits() -> None:
    system = System.load(local=False)
    unlimited = {name for name in ("shop", *system.instances) if system.instance(name).spec.unlimited}
    assert unlimited == {"bench"}


def test_an_unknown_instance_is_named() -> None:
    with pytest.raises(SystemDescriptionError, match="no instance moon"):
        System.load(local=False).instance("moon")


def test_only_services_without_sql_park_to_a_topic() -> None:
    topics = System.load(local=False).topic_names
    assert {"orders", "cart.parked", "search.parked"} <= set(topics)
    assert "orders.parked" not in topics


def test_the_command_line_may_call_everybody() -> None:
    system = System.load(local=False)
    assert set(system.callers_of("shipping")) == {"checkout", "users", "cli"}
    assert set(system.callers_of("auth")) == {*system.services, "cli"}, "everybody asks whose sessions have ended"
    assert all("cli" in system.callers_of(name) for name in system.services)


def test_a_local_file_changes_single_values(tmp_path: Path) -> None:
    text = (ROOT / "platform.toml").read_text()
    system = load(tmp_path, text, "[engines.envoy.ports]\npublic = 9999\n")
    assert system.instance().port("envoy", "public") == 9999
    assert system.instance().port("envoy", "admin") == 7901
    assert System.load(tmp_path / "platform.toml", local=False).instance().port("envoy", "public") == 8080


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("port = 7102", "port = 7101", "port 7101 of shop is wanted by auth and users"),
        ("port = 7102", "port = 7432", "port 7432 of shop is wanted by postgres.sql and users"),
        ("port = 7102", "port = 70000", "less than 65536"),
        ("hears = { users =", "hears = { userz =", "users hears userz, which nobody publishes"),
        ('calls = ["orders"]', 'calls = ["order"]', "shipping calls order, which is not a service"),
        ('limit = "credentials"', 'limit = "none"', "names the limit none"),
        ('times = "demo"', 'times = "slow"', "times.slow does not exist"),
        ('unlimited = ["127.1.0.0/16"]', 'unlimited = ["10.0.0.0/8"]', "10.0.0.0/8 cannot be unlimited"),
        ('site = "shop.example.com"', 'site = "a.example"\nunlimited = ["127.1.0.0/16"]', "cannot be unlimited"),
        ("step_deadline_seconds = 7 ", "step_deadline_seconds = 10 ", "a step may take as long as the lease"),
        ('path = "/users"', 'path = "/orders"', "route /orders belongs to users and orders"),
        ('store = "mongo"', 'store = "paper"', "services.catalog.store"),
        ('publishes = "orders"', 'publishes = "payments"', "two services publish one topic"),
        ("partitions = 6", "partitions = 6\ncolour = 1", "topics.colour"),
        ('currency = "EUR"', 'currency = "ISK"', "ISK cannot be used: the card processor counts"),
        ('currency = "EUR"', 'currency = "EUX"', "EUX is not the code of a current currency"),
    ],
)
def test_a_contradiction_is_refused_by_name(tmp_path: Path, old: str, new: str, fault: str) -> None:
    with pytest.raises(SystemDescriptionError) as refusal:
        load(tmp_path, changed(old, new))
    assert fault in str(refusal.value)


def test_every_fault_is_named_not_only_the_first(tmp_path: Path) -> None:
    text = changed("port = 7102", "port = 7101").replace('calls = ["orders"]', 'calls = ["order"]')
    with pytest.raises(SystemDescriptionError, match=r"(?s)calls order.*port 7101"):
        load(tmp_path, text)


def test_an_instance_keeps_the_times_that_a_bench_has_chosen(tmp_path: Path) -> None:
    bench = System.load(local=False).instance("bench", tmp_path)
    assert (bench.profile, bench.times["cancel_window_seconds"]) == ("bench", 2)
    bench.choose_times("standard")
    again = System.load(local=False).instance("bench", tmp_path)
    assert (again.profile, again.times["cancel_window_seconds"]) == ("standard", 1800)
