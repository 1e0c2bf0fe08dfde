"""Every setting of every service, rendered from platform.toml and the instance's secrets as environment variables.

A service is told what its own settings declare (`BODEGA_<NAME>_*`), and nothing else; natively, in Compose and in the
chart by this module. Keys of a real card processor are taken from the environment (`BODEGA_STRIPE_SECRET_KEY`,
`BODEGA_STRIPE_PUBLISHABLE_KEY`, `BODEGA_STRIPE_WEBHOOK_SECRET`, or the same with `_FILE`); without them the sandbox's
processor is used. So is a gateway for text messages (`BODEGA_SMS_URL`, `_ACCOUNT`, `_TOKEN_FILE`, `_FROM`).
"""

import importlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

from bodega.platform.secrets import Secrets
from bodega.platform.system import SANDBOX, Instance, Service

SANDBOX_PUBLISHABLE_KEY = "pk_test_bodega_sandbox"
ADMIN_ROLE = "postgres"
KAFKA_ADMIN = "admin"
KAFKA_ADMIN_URL = "BODEGA_KAFKA_ADMIN_URL"
MONGO_USER = "bodega"
OPENSEARCH_USER = "bodega"
POOL_SIZE = 5
"""How many connections a service's pool may keep to its database."""
CONNECTIONS_OUTSIDE_THE_POOL = 2
"""At most: the relay's, and one that hears of new work."""
_SECRET_NAME = re.compile(r"(PASSWORD|SECRET|ACCESS_KEY|_KEY$|_TOKEN$|DATABASE_URL|REDIS_URL|ADMIN_URL)")
_URL_PASSWORD = re.compile(r"(?<=://)([^:@/]*):([^@/]+)@")


def render(instance: Instance, secrets: Secrets, outside: Mapping[str, str] = os.environ) -> dict[str, dict[str, str]]:
    """Settings by process: each service by name, `sandbox`, `purger`, `storefront`.

    A processor's keys may stand `outside`. A copy is told of none: whatever its settings, it has the sandbox.
    """
    outside = {} if instance.is_copy else outside
    processor = _processor(instance, secrets, outside)
    rendered = {
        name: _of_service(instance, service, secrets, processor) for name, service in instance.system.services.items()
    }
    rendered["notifications"] |= _sms_gateway(outside)
    rendered["sandbox"] = _of_sandbox(instance, secrets)
    rendered["purger"] = _of_purger(instance, secrets)
    rendered["storefront"] = _of_storefront(instance, secrets, outside)
    return rendered


def processor_of(instance: Instance, outside: Mapping[str, str] = os.environ) -> str:
    """Who charges the cards: `sandbox`, or `other`."""
    if copied := instance.copied_processor:
        return copied
    return SANDBOX if _given(outside, "BODEGA_STRIPE_SECRET_KEY") is None else "other"


def flat(rendered: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """All processes' settings in one environment: the names do not clash, each bears its process."""
    return {key: value for settings in rendered.values() for key, value in settings.items()}


def admin_url(instance: Instance, secrets: Secrets, database: str = "postgres") -> str:
    """The PostgreSQL superuser's URL. For migrations and tests; no service is given it."""
    port = instance.port("postgres", "sql")
    return f"postgresql://{ADMIN_ROLE}:{secrets.read('postgres-admin')}@{instance.host('postgres')}:{port}/{database}"


def database_url(instance: Instance, secrets: Secrets, service: str, *, owner: bool = False) -> str:
    """The URL of a service's database: as its own role (data only), or as the owner, who migrates."""
    role = owner_role(service) if owner else database_name(service)
    host, port = instance.host("postgres"), instance.port("postgres", "sql")
    return f"postgresql://{role}:{secrets.read(f'postgres-{role}')}@{host}:{port}/{database_name(service)}"


def database_name(service: str) -> str:
    """The database of a service, and the role it works as."""
    return f"bodega_{service}"


def owner_role(service: str) -> str:
    """The role that owns a service's tables."""
    return f"bodega_{service}_owner"


def kafka_url(instance: Instance, secrets: Secrets, user: str) -> str:
    """The broker, for a process that speaks to it as a user of its own."""
    return f"kafka://{user}:{kafka_password(secrets, user)}@{instance.kafka}"


def kafka_password(secrets: Secrets, user: str) -> str:
    """The password of a broker's user."""
    return secrets.read(f"kafka-{user}")


def kafka_admin_url(instance: Instance, secrets: Secrets) -> str:
    """The broker, for its administrator: makes topics, users and rights. For `provision` and tests; no service has it.

    PLAIN, since the broker knows this one password from its configuration: so it can be spoken to before any user has
    been made in it, also on data of a release that had none. BODEGA_KAFKA_ADMIN_URL names a broker that has an
    administrator and users of its own.
    """
    if given := os.environ.get(KAFKA_ADMIN_URL):
        return given
    return f"{kafka_url(instance, secrets, KAFKA_ADMIN)}?mechanism=PLAIN"


def valkey_url(instance: Instance, secrets: Secrets, service: str | None = None) -> str:
    """Valkey, for a service as a user of its own; of nobody: for the administrator, whom no service is. An engine that
    somebody else keeps knows one password alone."""
    login = f":{secrets.read('valkey')}"
    if service is not None and "valkey" not in instance.spec.hosts:
        login = f"{service}:{valkey_password(secrets, service)}"
    return f"redis://{login}@{instance.host('valkey')}:{instance.port('valkey', 'redis')}/0"


def valkey_password(secrets: Secrets, service: str) -> str:
    """The password of a service that keeps something in Valkey."""
    return secrets.read(f"valkey-{service}")


def mongo_url(instance: Instance, secrets: Secrets) -> str:
    """The catalog's documents, by the one password that there is."""
    address = f"{instance.host('mongo')}:{instance.port('mongo', 'mongo')}/bodega"
    login = f"{MONGO_USER}:{secrets.read('mongo')}"
    return f"mongodb://{login}@{address}?authSource=admin&authMechanism=SCRAM-SHA-256"


def s3_keys(secrets: Secrets, service: str | None = None) -> tuple[str, str]:
    """Access key and secret key of object storage: of a service, for its buckets; of nobody: the administrator's."""
    prefix = "s3" if service is None else f"s3-{service}"
    return secrets.read(f"{prefix}-access")[:20], secrets.read(f"{prefix}-secret")


def masked(name: str, value: str) -> str:
    """A setting as it may be shown to people: passwords and keys replaced by dots, paths and addresses kept."""
    if name.endswith("_FILE"):
        return value
    if "://" in value:
        return _URL_PASSWORD.sub(r"\1:••••@", value)
    return "••••" if _SECRET_NAME.search(name) and not name.endswith("PUBLISHABLE_KEY") else value


def declared_by(service: str) -> frozenset[str]:
    """The names of the settings that a service's own class declares."""
    settings = importlib.import_module(f"bodega.services.{service}.settings").Settings
    return frozenset(field.upper() for field in settings.model_fields)


def _of_service(instance: Instance, service: Service, secrets: Secrets, processor: Mapping[str, str]) -> dict[str, str]:
    """What a service declares, of all that may be said to one."""
    system, declared = instance.system, declared_by(service.name)
    settings: dict[str, str] = {
        "HOST": instance.listen,
        "PORT": str(instance.service_port(service.name)),
        "GATEWAYS": json.dumps(instance.spec.gateways),
        "KAFKA": _broker(instance, secrets, service.name),
        "SERVICE_URLS": json.dumps({name: instance.service_address(name) for name in (*service.calls, "auth")}),
        "ALLOWED_CALLERS": json.dumps(system.callers_of(service.name)),
        "INTERNAL_KEY_FILE": str(secrets.key_file(service.name)),
        "INTERNAL_JWKS_FILE": str(secrets.jwks_file),
        "JWKS_URL": f"{instance.service_url('auth')}/.well-known/jwks.json",
        "TOKEN_ISSUER": "bodega",
        "TOKEN_AUDIENCE": "bodega",
        "CURRENCY": system.shop.currency,
        "COUNTRY": system.shop.country,
        "SHOP_NAME": system.shop.name,
        "CAPTURE_ON": system.shop.capture_on,
        "RETURN_DAYS": str(system.merchant.return_days),
        "MERCHANT_LINE": system.merchant.line,
        "MERCHANT_EMAIL": system.merchant.email,
        "SITE_URL": instance.site_url,
        "API_URL": instance.api_url,
        "EDGE_URL": instance.edge_url,
        "SANDBOX_URL": instance.sandbox_url,
        "SMTP_HOST": instance.host("sandbox"),
        "SMTP_PORT": str(instance.port("sandbox", "smtp")),
        "LOG_FORMAT": "json",
        **_of_store(instance, service, secrets),
        **{name.upper(): _number(value) for name, value in instance.times.items()},
    }
    settings |= _skipped(instance)
    files = {"SECRET_FILE": f"{service.name}.secret", "LINK_SECRET_FILE": "link.secret", "PURGE_SECRET_FILE": "purge"}
    settings |= {key: str(secrets.file(name)) for key, name in files.items() if key in declared}
    if service.buckets:
        settings |= {
            "S3_URL": instance.s3_url,
            "S3_ACCESS_KEY": s3_keys(secrets, service.name)[0],
            "S3_SECRET_KEY": s3_keys(secrets, service.name)[1],
            "S3_BUCKET": service.buckets[0],
        }
    if service.name == "payments":
        settings |= processor
    if service.name == "shipping":
        settings |= {
            "CARRIER_URL": f"{instance.sandbox_url}/carrier",
            "CARRIER_KEY": secrets.read("carrier-key"),
            "SANDBOX_URL": instance.sandbox_public_url,  # where a shopper looks for the parcel
        }
    settings |= {key.upper(): str(value) for key, value in instance.spec.settings.get(service.name, {}).items()}
    return {f"BODEGA_{service.name.upper()}_{key}": value for key, value in settings.items() if key in declared}


def _broker(instance: Instance, secrets: Secrets, process: str) -> str:
    if process not in instance.system.broker_users:  # it has no business there, and no user
        return instance.kafka
    return kafka_url(instance, secrets, process)


def _of_store(instance: Instance, service: Service, secrets: Secrets) -> dict[str, str]:
    match service.store:
        case "postgres":
            return {
                "DATABASE_URL": database_url(instance, secrets, service.name),
                "POOL_SIZE": str(POOL_SIZE),
            }
        case "valkey":
            return {"REDIS_URL": valkey_url(instance, secrets, service.name)}
        case "mongo":
            return {"MONGO_URL": mongo_url(instance, secrets)}
        case "opensearch":
            address = f"{instance.host('opensearch')}:{instance.port('opensearch', 'http')}"
            if instance.spec.site is None:
                address = f"{OPENSEARCH_USER}:{secrets.read('opensearch')}@{address}"
            return {"OPENSEARCH_URL": f"http://{address}"}


def _of_sandbox(instance: Instance, secrets: Secrets) -> dict[str, str]:
    first, following = instance.times["first_scan_seconds"], instance.times["next_scan_seconds"]
    settings = {
        "HOST": instance.listen,
        "HTTP_PORT": str(instance.port("sandbox", "http")),
        "SMTP_PORT": str(instance.port("sandbox", "smtp")),
        "DATA_DIR": str(instance.data / "sandbox"),
        "NAMES": json.dumps([instance.host("sandbox")]),
        "WEBHOOK_URL": f"{instance.service_url('payments')}/payments/webhooks/stripe",
        "WEBHOOK_SECRET": _webhook_secret(secrets),
        "STRIPE_SECRET_KEY": _sandbox_key(secrets),
        "STRIPE_PUBLISHABLE_KEY": SANDBOX_PUBLISHABLE_KEY,
        "CARRIER_WEBHOOK_URL": f"{instance.service_url('shipping')}/shipping/webhooks/carrier",
        "CARRIER_KEY": secrets.read("carrier-key"),
        "PARCEL_SECONDS": json.dumps([first + scan * following for scan in range(4)]),
        "SITE_URL": instance.site_url,
        "PUBLIC_URL": instance.sandbox_public_url,
    }
    return {f"BODEGA_SANDBOX_{key}": value for key, value in settings.items()}


def _skipped(instance: Instance) -> dict[str, str]:
    """Natively beside the data; a container has a place of its own."""
    return {"SKIPPED_DIR": str(instance.data / "skipped")} if instance.spec.site is None else {}


def _of_purger(instance: Instance, secrets: Secrets) -> dict[str, str]:
    settings = {
        "HOST": instance.listen,
        "PORT": str(instance.port("purger", "http")),
        "KAFKA": _broker(instance, secrets, "purger"),
        "ALLOWED_CALLERS": json.dumps(["cli"]),
        "INTERNAL_JWKS_FILE": str(secrets.jwks_file),
        "RETRY_FIRST_SECONDS": "0.1",  # the edge is on this machine, and passes everything until it hears of us
        "RETRY_MOST_SECONDS": "1",
        **_skipped(instance),
        **_of_edge(instance, secrets),
    }
    return {f"BODEGA_PURGER_{key}": value for key, value in settings.items()}


def _of_edge(instance: Instance, secrets: Secrets) -> dict[str, str]:
    return {"EDGE_URL": instance.edge_url, "PURGE_SECRET_FILE": str(secrets.file("purge"))}


def _of_storefront(instance: Instance, secrets: Secrets, outside: Mapping[str, str]) -> dict[str, str]:
    shop = instance.system.shop
    # The secret key is of payments alone: in a cluster the storefront is given the other one.
    is_stripe = any(_given(outside, f"BODEGA_STRIPE_{key}_KEY") for key in ("SECRET", "PUBLISHABLE"))
    settings = {
        "HOST": instance.listen,
        "PORT": str(instance.port("storefront", "http")),
        "API_URL": f"http://{instance.host('envoy')}:{instance.port('envoy', 'edge')}",
        "EDGE_SECRET": secrets.read("edge"),
        "SITE_URL": instance.site_url,
        "SHOP_NAME": shop.name,
        "LOCALE": shop.locale,
        "CURRENCY": shop.currency,
        "COUNTRY": shop.country,
        "MERCHANT": instance.system.merchant.model_dump_json(),
        "CARD_ORIGIN": "https://js.stripe.com" if is_stripe else instance.sandbox_public_url,
        **_of_edge(instance, secrets),
    }
    return {f"BODEGA_STOREFRONT_{key}": value for key, value in settings.items()}


def _processor(instance: Instance, secrets: Secrets, outside: Mapping[str, str]) -> dict[str, str]:
    key = _given(outside, "BODEGA_STRIPE_SECRET_KEY")
    if key is None:
        return {
            "STRIPE_API_BASE": instance.sandbox_url,
            "CARD_FORM_URL": f"{instance.sandbox_public_url}/elements/card",
            "STRIPE_SECRET_KEY": _sandbox_key(secrets),
            "STRIPE_PUBLISHABLE_KEY": SANDBOX_PUBLISHABLE_KEY,
            "STRIPE_WEBHOOK_SECRET": _webhook_secret(secrets),
        }
    return {
        "STRIPE_SECRET_KEY": key,
        "STRIPE_PUBLISHABLE_KEY": _given(outside, "BODEGA_STRIPE_PUBLISHABLE_KEY") or "",
        "STRIPE_WEBHOOK_SECRET": _given(outside, "BODEGA_STRIPE_WEBHOOK_SECRET") or "",
    }


def _sandbox_key(secrets: Secrets) -> str:
    return f"sk_test_{secrets.read('stripe-key')[:24]}"


def _webhook_secret(secrets: Secrets) -> str:
    return f"whsec_{secrets.read('stripe-webhook')[:32]}"


def _sms_gateway(outside: Mapping[str, str]) -> dict[str, str]:
    names = ("SMS_URL", "SMS_ACCOUNT", "SMS_TOKEN_FILE", "SMS_FROM")
    return {f"BODEGA_NOTIFICATIONS_{name}": given for name in names if (given := outside.get(f"BODEGA_{name}"))}


def _given(outside: Mapping[str, str], name: str) -> str | None:
    if path := outside.get(f"{name}_FILE"):
        return Path(path).read_text().strip()
    return outside.get(name) or None


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else str(value)
