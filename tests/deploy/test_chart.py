"""The Helm chart: what Helm makes of it is valid to Kubernetes, and lets in those alone whom platform.toml names."""

import re
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from bodega.platform.render import helm
from bodega.platform.render.inside import INSTANCE
from bodega.platform.system import ROOT, System
from tests.deploy.chart import CHART, KUBERNETES, RENDERED, first_line

pytestmark = pytest.mark.unit


@cache
def manifests() -> tuple[dict[str, Any], ...]:
    return tuple(one for one in yaml.load_all(RENDERED.read_text(), yaml.CSafeLoader) if one)


def of(kind: str) -> dict[str, dict[str, Any]]:
    """Name -> manifest."""
    return {one["metadata"]["name"]: one for one in manifests() if one["kind"] == kind}


def pods() -> Iterator[tuple[str, dict[str, Any]]]:
    for kind in ("StatefulSet", "Deployment", "Job"):
        for name, one in of(kind).items():
            yield name, one["spec"]["template"]["spec"]


def test_what_is_committed_is_what_is_rendered(tmp_path: Path) -> None:
    shutil.copy(ROOT / "platform.toml", tmp_path)
    for name, text in helm.files(System.load(tmp_path / "platform.toml")).items():
        assert (CHART / name).read_text() == text, "run `./bodega render helm`"


def test_what_helm_made_of_it_is_of_the_chart_as_it_is() -> None:
    with RENDERED.open() as file:
        assert file.readline().rstrip() == first_line(), "run `python -m tests.deploy.chart`"


def test_kubernetes_takes_every_manifest() -> None:
    import kubernetes_validate

    for one in manifests():
        kubernetes_validate.validate(one, KUBERNETES, strict=True)


def test_every_part_of_the_system_is_there() -> None:
    system = System.load()
    assert set(of("StatefulSet")) == set(system.services)
    elsewhere = {"postgres", "valkey", "mongo", "kafka", "opensearch", "seaweedfs"}
    assert set(of("Deployment")) == {*system.engines, "tools"} - elsewhere
    assert set(of("Service")) == {*of("StatefulSet"), *of("Deployment")} - {"tools"}


def test_the_release_knows_its_name_and_where_the_engines_are(tmp_path: Path) -> None:
    for name in ("bodega-platform", "bodega-prepare"):
        shutil.copy(ROOT / "platform.toml", tmp_path)
        (tmp_path / "platform.local.toml").write_text(of("ConfigMap")[name]["data"]["platform.local.toml"])
        told = System.load(tmp_path / "platform.toml").instance(INSTANCE)
        assert told.system.shop.name == "Other"
        assert told.site_url == "https://shop.test"
        assert (told.host("mongo"), told.port("mongo", "mongo")) == ("mongo.test", 27018)
        assert told.kafka == "kafka.test:9094"
        assert told.s3_url == "http://s3.test:8334"
        assert told.service_url("orders") == "http://orders:7107"


def test_a_service_lets_in_those_who_may_call_it_and_nobody_else() -> None:
    callers = {
        name: {
            source["podSelector"]["matchLabels"]["app.kubernetes.io/component"]
            for source in policy["spec"]["ingress"][0]["from"]
            if "podSelector" in source
        }
        for name, policy in of("NetworkPolicy").items()
        if "ingress" in policy["spec"]
    }
    system = System.load()
    assert set(callers) == set(of("Service"))
    for name, service in system.services.items():
        for other in system.services:
            may = name in system.services[other].calls or (name == "auth" and other != name)
            assert (other in callers[name]) is may, (other, name)
        assert ("envoy" in callers[name]) is bool(service.routes)
    assert callers["envoy"] == {"varnish", "storefront"}
    assert "ingress" not in of("NetworkPolicy")["nobody-calls"]["spec"]


def test_from_outside_only_edge_and_sandbox_can_be_reached_and_only_by_tls() -> None:
    rules = of("Ingress")["bodega"]["spec"]["rules"]
    assert {(rule["host"], path["backend"]["service"]["name"]) for rule in rules for path in rule["http"]["paths"]} == {
        ("shop.test", "varnish"),
        ("sandbox.shop.test", "sandbox"),
    }
    assert "/" not in {path["path"] for path in rules[1]["http"]["paths"]}  # its overview shows every mail
    assert of("Ingress")["bodega"]["spec"]["tls"][0]["hosts"] == ["shop.test", "sandbox.shop.test"]
    ingress = {"matchLabels": {"kubernetes.io/metadata.name": "ingress-nginx"}}
    open_to_others = [
        (name, source["namespaceSelector"])
        for name, policy in of("NetworkPolicy").items()
        for source in policy["spec"].get("ingress", [{"from": []}])[0]["from"]
        if "namespaceSelector" in source
    ]
    assert sorted(name for name, _ in open_to_others) == ["sandbox", "varnish"]
    assert all(selector == ingress for _, selector in open_to_others), "and not every namespace of the cluster"


def test_nothing_runs_as_root_without_limits_or_with_all_secrets() -> None:
    for name, pod in pods():
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        for container in (*pod.get("initContainers", ()), *pod["containers"]):
            assert container["resources"]["limits"]["memory"], name
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}, name
        mounted = {mount["name"] for mount in pod["containers"][0]["volumeMounts"]}
        assert ("secrets" in mounted) is (name == "bodega-prepare"), name
        # What `configure` has copied of them, the command line needs: it speaks to every service.
        assert name in ("tools", "bodega-prepare") or "home" not in mounted, name


def test_what_a_part_is_given_beside_stays_with_it() -> None:
    environment = {name: {one["name"] for one in pod["containers"][0].get("env", ())} for name, pod in pods()}
    assert [name for name, names in environment.items() if "BODEGA_CATALOG_MONGO_URL" in names] == ["catalog"]
    keys = {name: sorted(re.findall(r"'name': 'the-keys', 'key': '([\w-]+)'", str(pod))) for name, pod in pods()}
    assert {name: its for name, its in keys.items() if its} == {
        "payments": ["publishable-key", "secret-key", "webhook-secret"],
        "storefront": ["publishable-key"],  # which is on every page of the checkout
    }
