"""What is made inside the containers: each part finds the others by name, and sees its own secrets alone."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from bodega.kit.testing import eventually
from bodega.platform import debs
from bodega.platform.engines import envoy, varnish
from bodega.platform.render import inside
from bodega.platform.secrets import Secrets
from bodega.platform.system import ROOT, Instance, state_home
from tests.platform.ownership import held, owned_by

Made = dict[str, dict[str, str]]


def settings_of(made: Made, part: str) -> dict[str, str]:
    """Without the prefix."""
    if part == "storefront":
        words = shlex.split(made[part][inside.SHELL_SETTINGS])
        told = dict(word.split("=", 1) for word in words)
    else:
        told = json.loads(made[part][inside.SETTINGS])
    return {key.removeprefix(f"BODEGA_{part.upper()}_"): value for key, value in told.items()}


@pytest.mark.unit
def test_nothing_points_at_the_loopback_address(made: Made) -> None:
    gateway = json.loads(made["envoy"]["envoy.json"])
    assert gateway.pop("admin")["address"]["socket_address"]["address"] == "127.0.0.1"  # for its own container alone
    made["envoy"]["envoy.json"] = json.dumps(gateway)
    for of_the_controller in ("CONTROLLER://127.0.0.1:9093", "1@127.0.0.1:9093"):  # likewise
        assert of_the_controller in made["kafka"]["server.properties"]
        made["kafka"]["server.properties"] = made["kafka"]["server.properties"].replace(of_the_controller, "")
    names = ("127.0.0.1", "//localhost")
    pointing = [part for part, its in made.items() if any(name in text for text in its.values() for name in names)]
    assert pointing == []


@pytest.mark.unit
def test_parts_call_each_other_by_name_and_browsers_the_public_names(made: Made) -> None:
    storefront, purger = settings_of(made, "storefront"), settings_of(made, "purger")
    payments, shipping, sandbox = (settings_of(made, name) for name in ("payments", "shipping", "sandbox"))
    assert storefront["SITE_URL"] == "https://shop.example.com"
    assert storefront["API_URL"] == "http://envoy:8081"
    assert storefront["CARD_ORIGIN"] == "https://sandbox.shop.example.com"
    assert purger["EDGE_URL"] == "http://varnish:8000"
    assert payments["STRIPE_API_BASE"] == "http://sandbox:7080"
    assert payments["CARD_FORM_URL"] == "https://sandbox.shop.example.com/elements/card"
    assert shipping["CARRIER_URL"] == "http://sandbox:7080/carrier"
    assert shipping["SANDBOX_URL"] == sandbox["PUBLIC_URL"] == "https://sandbox.shop.example.com"
    assert sandbox["WEBHOOK_URL"].startswith("http://payments:7108/")


@pytest.mark.unit
def test_the_gateway_takes_a_shoppers_address_from_behind_edge_and_terminator(made: Made) -> None:
    listeners = json.loads(made["envoy"]["envoy.json"])["static_resources"]["listeners"]
    hops = {
        one["name"]: one["filter_chains"][0]["filters"][0]["typed_config"]["xff_num_trusted_hops"] for one in listeners
    }
    assert hops == {"public": 0, "edge": 2}


@pytest.mark.unit
def test_another_host_and_port_of_an_engine_are_taken_over(instance: Instance, secrets: Secrets) -> None:
    ports = {**instance.spec.ports, "mongo": {"mongo": 27018}}
    spec = instance.spec.model_copy(update={"hosts": {"mongo": "mongo.internal"}, "ports": ports})
    made = inside.files(replace(instance, spec=spec), secrets, {})
    assert "@mongo.internal:27018/bodega?" in settings_of(made, "catalog")["MONGO_URL"]


@pytest.mark.unit
def test_no_part_is_given_another_parts_secrets(instance: Instance, made: Made, secrets: Secrets) -> None:
    found = {part: held(its.values(), secrets) for part, its in made.items()}
    foreign = {part: its - owned_by(part, instance) for part, its in found.items()}
    assert not {part: of for part, of in foreign.items() if of}
    assert found["orders"] == owned_by("orders", instance), "or nothing would be found at all"


@pytest.mark.unit
def test_every_file_that_a_part_is_told_of_is_there(made: Made) -> None:
    told = {
        (part, key): Path(value)
        for part in made
        if part not in ("postgres", "mongo", "valkey", "kafka", "seaweedfs", "envoy", "varnish")
        for key, value in settings_of(made, part).items()
        if key.endswith("_FILE")
    }
    assert told
    for (part, key), file in told.items():
        assert file.parent == inside.CONFIGURATION
        assert file.name in made[part], (part, key)


@pytest.mark.unit
def test_a_processors_keys_reach_whom_they_concern(instance: Instance, secrets: Secrets) -> None:
    outside = {"BODEGA_STRIPE_SECRET_KEY": "sk_test_theirs", "BODEGA_STRIPE_WEBHOOK_SECRET": "whsec_theirs"}
    made = inside.files(instance, secrets, outside)
    assert settings_of(made, "payments")["STRIPE_SECRET_KEY"] == "sk_test_theirs"
    assert settings_of(made, "storefront")["CARD_ORIGIN"] == "https://js.stripe.com"
    assert [part for part, its in made.items() if "sk_test_theirs" in "".join(its.values())] == ["payments"]


@pytest.mark.unit
def test_secrets_that_somebody_else_keeps_are_used_and_none_is_made_up(
    instance: Instance, secrets: Secrets, tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    shutil.copytree(secrets.folder, kept)
    elsewhere = replace(instance, home=tmp_path / "elsewhere")
    taken = inside.given_secrets(elsewhere, kept)
    assert inside.files(elsewhere, taken, {})["cart"] == inside.files(instance, secrets, {})["cart"]
    (kept / "valkey").unlink()
    with pytest.raises(inside.MissingSecret, match=r"lacks valkey$"):
        inside.given_secrets(replace(instance, home=tmp_path / "third"), kept)


@pytest.mark.unit
async def test_a_configured_part_runs_and_a_given_variable_wins(
    instance: Instance, secrets: Secrets, tmp_path: Path, unused_tcp_port: int
) -> None:
    inside.configure(instance, secrets, ["docs"], tmp_path / "made")
    code = "import sys, pathlib; from bodega.platform.render.inside import run; run('docs', pathlib.Path(sys.argv[1]))"
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "made" / "docs")],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "BODEGA_DOCS_PORT": str(unused_tcp_port)},
    )

    async def answers() -> None:
        assert process.poll() is None
        try:
            with urlopen(f"http://127.0.0.1:{unused_tcp_port}/livez") as answer:
                assert answer.status == 200
        except URLError as error:
            raise AssertionError("not yet") from error

    try:
        await eventually(answers, within_seconds=30)
    finally:
        process.terminate()
        process.wait()


@pytest.mark.service
def test_envoy_finds_the_gateway_valid(made: Made, tmp_path: Path) -> None:
    file = tmp_path / "envoy.json"
    file.write_text(made["envoy"]["envoy.json"])
    command = [str(envoy.binary()), "--mode", "validate", "-c", str(file), "--disable-hot-restart", "-l", "warn"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stderr


@pytest.mark.service
def test_varnish_compiles_the_edge(instance: Instance, secrets: Secrets, tmp_path: Path) -> None:
    # A name that does not resolve is an error to the compiler: addresses stand for the names.
    hosts = {"storefront": "172.30.81.11", "envoy": "172.30.81.10", "seaweedfs": "172.30.82.10"}
    named = replace(instance, spec=instance.spec.model_copy(update={"hosts": hosts}))
    vcl = tmp_path / "edge.vcl"
    vcl.write_text(inside.files(named, secrets, {})["varnish"]["edge.vcl"])
    assert '.host = "172.30.81.10";' in vcl.read_text()
    assert '"10.0.0.0"/8;' in vcl.read_text()
    debs.fetch(state_home())
    command = varnish.command(
        state_home(), vcl, tmp_path / "work", site="127.0.0.1:0", admin="127.0.0.1:0", admin_secret=vcl
    )
    only_compile = [command[0], "-C", "-f", str(vcl), *_parameters(command)]
    environment = {**os.environ, **varnish.environment(state_home())}
    result = subprocess.run(only_compile, capture_output=True, text=True, timeout=60, check=False, env=environment)
    assert result.returncode == 0, result.stderr[-2000:]


def _parameters(command: tuple[str, ...]) -> list[str]:
    return [word for flag, value in pairwise(command) if flag == "-p" for word in (flag, value)]
