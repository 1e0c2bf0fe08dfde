"""Every service is told what it needs and nothing more; secrets are made once and kept from others."""

import importlib
import json
import re
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from bodega.platform import settings
from bodega.platform.processes import write_topology
from bodega.platform.secrets import SecretError, Secrets, variable
from bodega.platform.system import ROOT, Instance, System

pytestmark = pytest.mark.unit


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    return System.load(local=False).instance("shop", tmp_path)


def test_secrets_are_the_same_the_next_time(instance: Instance) -> None:
    first, second = Secrets.of(instance), Secrets.of(instance)
    assert first.read("valkey") == second.read("valkey")
    assert settings.render(instance, first, {}) == settings.render(instance, second, {})


def test_only_the_owner_can_read_secrets(instance: Instance) -> None:
    secrets = Secrets.of(instance)
    settings.render(instance, secrets, {})
    assert stat.S_IMODE(secrets.folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in secrets.folder.iterdir()} == {0o600}


def test_no_half_written_secret_is_left_behind(instance: Instance) -> None:
    secrets = Secrets.of(instance)
    secrets.read("one")
    assert not list(secrets.folder.glob(".*"))


def test_whoever_makes_a_secret_first_wins(instance: Instance) -> None:
    secrets = Secrets.of(instance)
    (secrets.folder / "shared").write_text("theirs")
    assert secrets.read("shared") == "theirs"


@pytest.mark.parametrize("name", ["valkey", "postgres-bodega_orders", "link.secret", "checkout.key.pem"])
def test_a_secret_may_come_from_outside_and_is_remembered(
    instance: Instance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    key = ECKey.generate_key("P-256").as_pem(private=True).decode()
    text = key if name.endswith(".pem") else "from-outside-of-here"
    outside = tmp_path / "outside"
    outside.write_text(f"{text}\n")
    monkeypatch.setenv(variable(name), str(outside))
    assert Secrets.of(instance).read(name) == text.strip()
    monkeypatch.delenv(variable(name))
    assert Secrets.of(instance).read(name) == text.strip()
    outside.unlink()
    with pytest.raises(SecretError, match="not there"):
        Secrets.of(instance).read(name)


def test_a_secret_from_outside_does_not_replace_what_the_engines_already_know(
    instance: Instance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Secrets.of(instance).read("valkey")
    (tmp_path / "outside").write_text("from-outside-of-here")
    monkeypatch.setenv("BODEGA_SECRET_VALKEY_FILE", str(tmp_path / "outside"))
    with pytest.raises(SecretError, match="has made a secret of its own"):
        Secrets.of(instance)
    monkeypatch.delenv("BODEGA_SECRET_VALKEY_FILE")
    assert Secrets.of(instance).read("valkey") == made


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("BODEGA_SECRET_VALKEY_FILE", None, "cannot be read"),
        ("BODEGA_SECRET_VALKEY_FILE", "", "at least 16"),
        ("BODEGA_SECRET_POSTGRES_ADMIN_FILE", "has@characters/of:urls", "characters of"),
        ("BODEGA_SECRET_ORDERS_KEY_PEM_FILE", "no key, though it is long", "P-256"),
    ],
)
def test_an_unusable_secret_is_refused_before_anything_starts(
    instance: Instance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str | None, fault: str
) -> None:
    if text is not None:
        (tmp_path / "outside").write_text(text)
    monkeypatch.setenv(name, str(tmp_path / "outside"))
    with pytest.raises(SecretError, match=fault) as refusal:
        Secrets.of(instance)
    assert name in str(refusal.value)


def test_text_messages_go_through_the_gateway_that_is_named_outside(instance: Instance) -> None:
    outside = {
        "BODEGA_SMS_URL": "https://sms.example", "BODEGA_SMS_ACCOUNT": "AC1", "BODEGA_SMS_TOKEN_FILE": "/run/token",
        "BODEGA_SMS_FROM": "+4930123456",
    }  # fmt: skip
    told = settings.render(instance, Secrets.of(instance), outside)["notifications"]
    assert told["BODEGA_NOTIFICATIONS_SMS_URL"] == "https://sms.example"
    assert told["BODEGA_NOTIFICATIONS_SMS_TOKEN_FILE"] == "/run/token"
    assert not [name for name in settings.render(instance, Secrets.of(instance), {})["notifications"] if "SMS" in name]


def test_a_callers_token_is_verified_with_the_common_key_set(instance: Instance) -> None:
    secrets = Secrets.of(instance)
    key = ECKey.import_key(secrets.key_file("checkout").read_text())
    token = jwt.encode({"alg": "ES256", "kid": "checkout"}, {"iss": "checkout"}, key)
    public = KeySet.import_key_set(json.loads(secrets.jwks_file.read_text()))
    assert jwt.decode(token, public, algorithms=["ES256"]).claims == {"iss": "checkout"}
    assert "d" not in secrets.jwks_file.read_text().replace('"kid"', "").replace("users", "").split('"')


def test_a_service_is_told_only_its_own(instance: Instance) -> None:
    rendered = settings.render(instance, Secrets.of(instance), {})
    for name in instance.system.services:
        assert all(key.startswith(f"BODEGA_{name.upper()}_") for key in rendered[name])
    assert "BODEGA_CART_DATABASE_URL" not in rendered["cart"]
    assert "BODEGA_ORDERS_REDIS_URL" not in rendered["orders"]
    assert "BODEGA_ORDERS_S3_SECRET_KEY" not in rendered["orders"]


def test_a_process_is_told_what_it_declares_and_nothing_else(instance: Instance) -> None:
    pages = (ROOT / "storefront" / "src" / "settings.ts").read_text()
    modules = {name: f"bodega.services.{name}.settings" for name in instance.system.services}
    modules |= {"sandbox": "bodega.sandbox.settings", "purger": "bodega.edge.app"}
    declared = {part: importlib.import_module(module).Settings for part, module in modules.items()}
    names = {part: {f"BODEGA_{part}_{field}".upper() for field in of.model_fields} for part, of in declared.items()}
    names["storefront"] = set(re.findall(r"BODEGA_STOREFRONT_\w+", pages))
    rendered = settings.render(instance, Secrets.of(instance), {})
    undeclared = {part: told.keys() - names[part] for part, told in rendered.items()}
    assert not {part: of for part, of in undeclared.items() if of}


def test_no_service_holds_the_superusers_or_an_owners_password(instance: Instance) -> None:
    secrets = Secrets.of(instance)
    told = " ".join(settings.flat(settings.render(instance, secrets, {})).values())
    assert secrets.read("postgres-admin") not in told
    assert secrets.read("postgres-bodega_orders_owner") not in told
    assert secrets.read("postgres-bodega_orders") in told


def test_a_pool_is_as_large_as_the_check_of_the_server_believes(instance: Instance) -> None:
    rendered = settings.render(instance, Secrets.of(instance), {})
    sizes = {told[key] for told in rendered.values() for key in told if key.endswith("_POOL_SIZE")}
    assert sizes == {str(settings.POOL_SIZE)}
    assert "BODEGA_CART_POOL_SIZE" not in rendered["cart"]


def test_service_urls_are_those_that_may_be_called(instance: Instance) -> None:
    rendered = settings.render(instance, Secrets.of(instance), {})
    assert json.loads(rendered["cart"]["BODEGA_CART_SERVICE_URLS"]) == {
        "catalog": "http://127.0.0.1:7103",
        "inventory": "http://127.0.0.1:7104",
        "auth": "http://127.0.0.1:7101",
    }
    assert json.loads(rendered["catalog"]["BODEGA_CATALOG_ALLOWED_CALLERS"]) == [
        "cart", "checkout", "search", "notifications", "cli",
    ]  # fmt: skip


def test_services_of_one_process_call_each_other_in_memory(instance: Instance) -> None:
    write_topology(instance, "one")
    rendered = settings.render(instance, Secrets.of(instance), {})
    assert json.loads(rendered["cart"]["BODEGA_CART_SERVICE_URLS"]) == {
        "catalog": "memory://catalog",
        "inventory": "memory://inventory",
        "auth": "memory://auth",
    }
    assert rendered["cart"]["BODEGA_CART_PORT"] == "7105", "and serve the gateway and the operator as ever"


def test_waiting_times_come_from_the_instances_profile(tmp_path: Path) -> None:
    system = System.load(local=False)
    told = {}
    for name in ("shop", "test"):
        instance = system.instance(name, tmp_path)
        told[name] = settings.render(instance, Secrets.of(instance), {})["checkout"]
    assert told["shop"]["BODEGA_CHECKOUT_LEASE_SECONDS"] == "10"
    assert told["test"]["BODEGA_CHECKOUT_LEASE_SECONDS"] == "6"
    assert told["test"]["BODEGA_CHECKOUT_RELAY_POLL_SECONDS"] == "0.2"


def test_the_standard_times_are_those_that_are_promised() -> None:
    promised = {
        "request_timeout_seconds": 10, "step_deadline_seconds": 7, "lease_seconds": 10,
        "checkout_due_seconds": 15 * 60, "unknown_due_seconds": 30 * 60, "retry_give_up_seconds": 24 * 3600,
        "carrier_patience_seconds": 0.8, "idempotency_hours": 24, "cancel_window_seconds": 30 * 60,
    }  # fmt: skip
    system = System.load(local=False)
    assert system.shop.times == "demo", "a newcomer's shop, with the sandbox's carrier"
    assert system.instances["containers"].times == "standard", "servers"
    assert {name: system.times["standard"][name] for name in promised} == promised


def test_a_newcomer_sees_an_order_go_all_the_way_within_a_minute_and_all_else_is_as_in_standard(tmp_path: Path) -> None:
    system = System.load(local=False)
    demo, standard = system.instance("shop", tmp_path).times, system.times["standard"]
    assert demo["cancel_window_seconds"] + demo["first_scan_seconds"] + 3 * demo["next_scan_seconds"] < 60
    short = {"cancel_window_seconds", "first_scan_seconds", "next_scan_seconds"}
    assert {name: demo[name] for name in standard if name not in short} == {
        name: standard[name] for name in standard if name not in short
    }
    instance = system.instance("shop", tmp_path)
    rendered = settings.render(instance, Secrets.of(instance), {})
    assert json.loads(rendered["sandbox"]["BODEGA_SANDBOX_PARCEL_SECONDS"]) == [8, 16, 24, 32]
    windows = {name: rendered[name][f"BODEGA_{name.upper()}_CANCEL_WINDOW_SECONDS"] for name in ("orders", "shipping")}
    assert windows == {"orders": "20", "shipping": "20"}, "what is promised is what is kept"


def test_without_keys_payments_speaks_to_the_sandbox(instance: Instance) -> None:
    rendered = settings.render(instance, Secrets.of(instance), {})
    payments, sandbox = rendered["payments"], rendered["sandbox"]
    assert payments["BODEGA_PAYMENTS_STRIPE_API_BASE"] == "http://127.0.0.1:7080"
    assert payments["BODEGA_PAYMENTS_STRIPE_SECRET_KEY"] == sandbox["BODEGA_SANDBOX_STRIPE_SECRET_KEY"]
    assert payments["BODEGA_PAYMENTS_STRIPE_WEBHOOK_SECRET"] == sandbox["BODEGA_SANDBOX_WEBHOOK_SECRET"]


def test_with_keys_payments_speaks_to_the_processor(instance: Instance, tmp_path: Path) -> None:
    key_file = tmp_path / "key"
    key_file.write_text("sk_test_real\n")
    outside = {"BODEGA_STRIPE_SECRET_KEY_FILE": str(key_file), "BODEGA_STRIPE_WEBHOOK_SECRET": "whsec_real"}
    payments = settings.render(instance, Secrets.of(instance), outside)["payments"]
    assert "BODEGA_PAYMENTS_STRIPE_API_BASE" not in payments
    assert payments["BODEGA_PAYMENTS_STRIPE_SECRET_KEY"] == "sk_test_real"
    assert payments["BODEGA_PAYMENTS_STRIPE_WEBHOOK_SECRET"] == "whsec_real"


def test_nothing_secret_survives_masking(instance: Instance) -> None:
    secrets = Secrets.of(instance)
    rendered = settings.flat(settings.render(instance, secrets, {}))
    shown = " ".join(settings.masked(name, value) for name, value in rendered.items())
    values = [path.read_text() for path in secrets.folder.iterdir() if path.name != "internal-jwks.json"]
    assert not [value for value in values if value in shown or value[:20] in shown]
    assert "http://127.0.0.1:7103" in shown
    assert "secrets/orders.key.pem" in shown


@pytest.mark.parametrize("capture_on", ["order", "shipment"])
def test_payments_takes_the_money_when_orders_expects_it(instance: Instance, capture_on: str) -> None:
    shop = instance.system.shop.model_copy(update={"capture_on": capture_on})
    other = replace(instance, system=instance.system.model_copy(update={"shop": shop}))
    rendered = settings.render(other, Secrets.of(other), {})
    assert rendered["payments"]["BODEGA_PAYMENTS_CAPTURE_ON"] == capture_on
    assert rendered["orders"]["BODEGA_ORDERS_CAPTURE_ON"] == capture_on


@pytest.mark.parametrize(
    ("name", "gateways"),
    [("shop", ["127.0.0.1"]), ("test", ["127.0.0.1"]),
     # Where it calls from nobody knows beforehand; that nobody else calls is for networks and policies.
     ("containers", ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"])],
)  # fmt: skip
def test_each_service_knows_from_where_the_gateway_calls(tmp_path: Path, name: str, gateways: list[str]) -> None:
    instance = System.load(local=False).instance(name, tmp_path)
    rendered = settings.render(instance, Secrets.of(instance), {})
    for service in instance.system.services:
        assert json.loads(rendered[service][f"BODEGA_{service.upper()}_GATEWAYS"]) == gateways
