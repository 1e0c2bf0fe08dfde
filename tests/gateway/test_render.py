"""The configuration as a document: pure, the same each time, and valid to Envoy."""

import json
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from bodega.gateway.render import envoy_config
from bodega.platform.engines.envoy import binary
from bodega.platform.system import ROOT, System

SECRET = "a-secret-of-the-edge"


@pytest.fixture(scope="module")
def system() -> System:
    return System.load(local=False)


@pytest.fixture(scope="module")
def config(system: System) -> dict[str, Any]:
    return envoy_config(system, system.instance("shop"), edge_secret=SECRET)


def _routes(config: dict[str, Any], listener: int = 0) -> list[dict[str, Any]]:
    chain = config["static_resources"]["listeners"][listener]["filter_chains"][0]
    manager = chain["filters"][0]["typed_config"]
    routes: list[dict[str, Any]] = manager["route_config"]["virtual_hosts"][0]["routes"]
    return routes


@pytest.mark.unit
def test_the_same_system_gives_the_same_configuration(system: System, config: dict[str, Any]) -> None:
    again = envoy_config(system, system.instance("shop"), edge_secret=SECRET)
    assert json.dumps(again) == json.dumps(config)


@pytest.mark.unit
def test_every_route_of_the_system_is_there_for_reading_and_for_the_rest(
    system: System, config: dict[str, Any]
) -> None:
    names = {route["name"] for route in _routes(config)}
    for service in system.services.values():
        for route in service.routes:
            assert {f"{service.name}:{route.path}:read", f"{service.name}:{route.path}:any"} <= names


@pytest.mark.unit
def test_nothing_else_is_there(system: System, config: dict[str, Any]) -> None:
    described = {route.path for service in system.services.values() for route in service.routes}
    special = {
        r"/checkout/[^/]+/events",
        r"/orders/[^/]+/events",
        "/admin/products/import",
        "/admin/inventory/import",
        "/payments/webhooks",
        "/shipping/webhooks",
        "/docs",
        "/openapi.json",
    }
    paths = {route["name"].split(":")[1] for route in _routes(config) if ":" in route["name"]}
    assert paths == described | special
    assert [route["name"] for route in _routes(config) if ":" not in route["name"]] == ["healthz", "nothing-here"]


@pytest.mark.unit
def test_no_route_can_lead_to_internal(config: dict[str, Any]) -> None:
    for route in _routes(config):
        if "route" in route:
            match = route["match"]
            path = match.get("path_separated_prefix") or match.get("path") or match["safe_regex"]["regex"]
            assert re.match(r"/(?!internal)[a-z.]+", path), path


@pytest.mark.unit
def test_longer_paths_stand_before_shorter_ones(config: dict[str, Any]) -> None:
    matches = [route["match"] for route in _routes(config)]
    paths = [match.get("path_separated_prefix") or match.get("path") for match in matches[1:-1]]
    lengths = [len(path) for path in paths if path]
    assert lengths == sorted(lengths, reverse=True)


@pytest.mark.unit
def test_no_changing_route_repeats_what_may_have_arrived(config: dict[str, Any]) -> None:
    policies = [
        route["route"]["retry_policy"]
        for route in _routes(config)
        if "retry_policy" in route.get("route", {}) and not route["name"].endswith(":read")
    ]
    assert policies
    for policy in policies:
        assert policy["retry_on"] == "connect-failure,refused-stream,reset-before-request"
        assert "retriable_status_codes" not in policy


@pytest.mark.unit
def test_both_listeners_have_the_same_routes(config: dict[str, Any]) -> None:
    assert _routes(config, 0) == _routes(config, 1)


@pytest.mark.unit
def test_everything_listens_on_the_loopback_address(config: dict[str, Any]) -> None:
    assert set(re.findall(r'"address": "([^"]+)"', json.dumps(config))) == {"127.0.0.1"}


@pytest.mark.unit
def test_every_service_has_a_breaker_and_streams_have_their_own(config: dict[str, Any]) -> None:
    clusters = {cluster["name"]: cluster for cluster in config["static_resources"]["clusters"]}
    for cluster in clusters.values():
        threshold = cluster["circuit_breakers"]["thresholds"][0]
        assert {"max_connections", "max_pending_requests", "max_requests", "retry_budget"} <= set(threshold)
        if (outliers := cluster.get("outlier_detection")) is not None:
            assert outliers["max_ejection_percent"] < 100, "the last replica is asked on"
            assert outliers["always_eject_one_host"] is False
    stream = [route["route"] for route in _routes(config) if route.get("route", {}).get("timeout") == "0s"]
    assert sorted(route["cluster"] for route in stream) == ["checkout-streams", "orders-streams"]
    assert "outlier_detection" not in clusters["auth-jwks"]


@pytest.mark.unit
def test_the_gateway_waits_longer_than_the_service_may_take(config: dict[str, Any]) -> None:
    """Its last words come from the service, not from the gateway's 504, and before the request's time is over."""
    for route in _routes(config):
        told = [one["header"] for one in route.get("request_headers_to_add", [])]
        for milliseconds in (int(one["value"]) for one in told if one["key"] == "bodega-deadline-ms"):
            request_seconds = float(route["route"]["timeout"].removesuffix("s")) - 1
            assert milliseconds / 1000 <= request_seconds - min(0.5, 0.05 * request_seconds)


@pytest.mark.unit
def test_an_instance_has_its_own_ports_and_times(system: System) -> None:
    config = envoy_config(system, system.instance("test"), edge_secret=SECRET)
    ports = {one["address"]["socket_address"]["port_value"] for one in config["static_resources"]["listeners"]}
    assert ports == {18080, 18081}


@pytest.mark.unit
def test_the_secret_stands_only_where_it_is_asked_for(config: dict[str, Any]) -> None:
    assert json.dumps(config).count(SECRET) == 1
    assert SECRET not in json.dumps(config["static_resources"]["listeners"][0])


@pytest.mark.unit
@pytest.mark.parametrize("secret", ["", "short"])
def test_a_secret_that_can_be_guessed_is_refused(system: System, secret: str) -> None:
    with pytest.raises(ValueError, match="16 characters"):
        envoy_config(system, system.instance("shop"), edge_secret=secret)


@pytest.mark.unit
def test_a_collector_must_have_an_http_address(system: System) -> None:
    with pytest.raises(ValueError, match="http://host:port"):
        envoy_config(system, system.instance("shop"), edge_secret=SECRET, otlp_url="collector:4318")


@pytest.mark.unit
def test_a_slow_limit_says_when_to_come_back() -> None:
    described = tomllib.loads((ROOT / "platform.toml").read_text())
    for name, service in described["services"].items():
        service["name"] = name
    described["limits"]["credentials"] = {"requests": 1, "per_seconds": 20, "burst": 5}
    system = System.model_validate(described)
    config = envoy_config(system, system.instance("shop"), edge_secret=SECRET)
    assert '{"key": "retry-after", "value": "20"}' in json.dumps(config)


@pytest.mark.unit
@pytest.mark.parametrize(("instance", "networks"), [("shop", set()), ("test", set()), ("bench", {"127.1.0.0"})])
def test_limits_are_lifted_for_the_benchs_own_addresses_alone(
    system: System, instance: str, networks: set[str]
) -> None:
    config = json.dumps(envoy_config(system, system.instance(instance), edge_secret=SECRET))
    assert set(re.findall(r'"remote_ip": \{"address_prefix": "([^"]+)", "prefix_len": 16', config)) == networks


@pytest.mark.service
@pytest.mark.parametrize(
    ("instance", "collector"), [("shop", None), ("shop", "http://127.0.0.1:4318"), ("bench", None)]
)
def test_envoy_finds_it_valid_and_warns_of_nothing(
    system: System, instance: str, collector: str | None, tmp_path: Path
) -> None:
    config = envoy_config(system, system.instance(instance), edge_secret=SECRET, otlp_url=collector)
    file = tmp_path / "envoy.json"
    file.write_text(json.dumps(config))
    command = [str(binary()), "--mode", "validate", "-c", str(file), "--disable-hot-restart", "-l", "warn"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert result.returncode == 0, result.stderr
    # Keys are not fetched while only looking at a configuration, and it says so.
    warnings = [line for line in result.stderr.splitlines() if "jwks" not in line.lower()]
    assert warnings == []
