"""The system as platform.toml describes it, typed, checked and frozen.

`System.load()` reads the file (and `platform.local.toml` beside it, if there is one: single values changed on this
machine alone). `system.instance("shop")` gives what differs from one running copy to another: ports, data, times.
Everything that is rendered (settings, processes, gateway, topics) is rendered from these two.
"""

import os
import tomllib
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Network
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from bodega.kit.currencies import why_not_sold_in
from bodega.platform import logs

ROOT = Path(__file__).resolve().parents[3]
LOOPBACK = "127.0.0.1"

Port = Annotated[int, Field(gt=0, lt=65536)]
Access = Literal["open", "optional", "customer", "staff", "merchant"]
Store = Literal["postgres", "mongo", "valkey", "opensearch"]
COPY_MARK = "copy"
SANDBOX = "sandbox"
Topology = Literal["eleven", "one"]
"""`eleven`: a process per service. `one`: all services in a single process, calls between them in memory."""


class SystemDescriptionError(Exception):
    """platform.toml contradicts itself; the message names each contradiction."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Shop(_Frozen):
    """What the shop is called and sells in, and when it takes the money."""

    name: str
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    country: str = Field(pattern=r"^[A-Z]{2}$")
    locale: str = Field(pattern=r"^[a-z]{2,3}(-[A-Z]{2})?$")
    capture_on: Literal["order", "shipment"]
    times: str

    @field_validator("currency")
    @classmethod
    def _must_be_charged_as_shown(cls, code: str) -> str:
        if why := why_not_sold_in(code):
            raise ValueError(why)
        return code


class Merchant(_Frozen):
    """Who sells: for the legal pages, mails and search engines. Empty: not filled in (`./bodega doctor` names it)."""

    name: str = ""
    street: str = ""
    postal_code: str = ""
    city: str = ""
    represented_by: str = ""
    register_entry: str = ""
    vat_id: str = ""
    email: str = ""
    phone: str = ""
    return_days: int = Field(default=14, ge=14, le=365)

    @property
    def line(self) -> str:
        """Who it is, as under a letter: what is not filled in is left out; nothing without a name."""
        if not self.name:
            return ""
        place = f"{self.postal_code} {self.city}".strip()
        vat = f"VAT ID {self.vat_id}" if self.vat_id else ""
        return ", ".join(
            part for part in (self.name, self.street, place, self.represented_by, self.register_entry, vat) if part
        )

    @property
    def missing(self) -> list[str]:
        """What no shop may open without and is not filled in, in words."""
        needed = {
            "name": "name", "street": "street", "postal_code": "postal code", "city": "city", "email": "e-mail address",
            "phone": "phone number",
        }  # fmt: skip
        return [words for field, words in needed.items() if not getattr(self, field).strip()]


class Engine(_Frozen):
    """A program that is no service; `ports` by purpose, on the loopback address.

    `hears` as a service's. `personal`: the storefront's paths that show what is one shopper's own. `parameters`: its
    other paths that take parameters, and of which path of the API they are; all others take none.
    """

    ports: dict[str, Port]
    hears: dict[str, tuple[str, ...]] = {}
    personal: tuple[str, ...] = ()
    parameters: dict[str, str] = {}


class InstanceSpec(_Frozen):
    """How a second running copy differs: every port moved by `offset`, except those in `ports`.

    `site` is the shop's name to its shoppers, where TLS ends before the edge. A copy that has one does not run on the
    loopback address: each part has a host of its own, which bears the part's name unless `hosts` names another.
    `gateways`: addresses and networks from which the gateway calls the services; they believe what it says of a
    client's address, and nobody else. `settings`: by service, what it is told otherwise than by its defaults.
    `unlimited`: networks of the loopback interface from which load comes: the gateway has no limits for them.
    `replicas`: how many processes there are of each service, at the same port. Not in containers: who runs those
    says how many. `clock_ahead_seconds`: by how much the clock of each second replica is ahead.
    `java`: what OpenSearch's Java is told beside its own options.
    """

    offset: int = 0
    times: str
    ports: dict[str, dict[str, Port]] = {}
    site: str | None = None
    hosts: dict[str, str] = {}
    gateways: tuple[str, ...] = (LOOPBACK,)
    settings: dict[str, dict[str, str | int | float]] = {}
    unlimited: tuple[IPv4Network, ...] = ()
    replicas: int = Field(default=1, ge=1, le=2)
    clock_ahead_seconds: int = 0
    java: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _only_this_machine_is_unlimited(self) -> Self:
        for network in self.unlimited:
            if not network.is_loopback or self.site is not None:
                raise ValueError(f"{network} cannot be unlimited: only the loopback interface can, and without a site")
        return self


class Topics(_Frozen):
    """Settings of every Kafka topic."""

    partitions: int = Field(gt=0)
    retention_hours: int = Field(gt=0)


class Route(_Frozen):
    """One path that the gateway lets through to a service."""

    path: str = Field(pattern=r"^/")
    access: Access
    limit: str = "normal"
    exact: bool = False


class Service(_Frozen):
    """One of the deployables: where it listens, what it stores, whom it calls and hears."""

    name: str
    port: Port
    store: Store
    publishes: str | None = None
    hears: dict[str, tuple[str, ...]] = {}
    calls: tuple[str, ...] = ()
    buckets: tuple[str, ...] = ()
    routes: tuple[Route, ...] = ()

    @property
    def parked_topic(self) -> str | None:
        """Where a service without SQL puts the messages it cannot take; others keep them in a table."""
        return f"{self.name}.parked" if self.hears and self.store != "postgres" else None


class Limit(_Frozen):
    """A token bucket per client address: `requests` per `per_seconds`, `burst` at most at once."""

    requests: int = Field(gt=0)
    per_seconds: float = Field(gt=0)
    burst: int = Field(gt=0)


class System(_Frozen):
    """Everything that platform.toml says."""

    shop: Shop
    merchant: Merchant = Merchant()
    engines: dict[str, Engine]
    instances: dict[str, InstanceSpec] = {}
    topics: Topics
    services: dict[str, Service]
    limits: dict[str, Limit]
    times: dict[str, dict[str, float]]

    @classmethod
    def load(cls, path: Path = ROOT / "platform.toml", *, local: bool = True) -> Self:
        """Read the description; raises SystemDescriptionError with every fault found, not only the first.

        Without `local`, it is the system as it is published, whatever this machine changes.
        """
        described = tomllib.loads(path.read_text())
        changes = path.with_name("platform.local.toml")
        if local and changes.exists():
            described = _merged(described, tomllib.loads(changes.read_text()))
        for name, service in described.get("services", {}).items():
            service["name"] = name
        try:
            return cls.model_validate(described)
        except ValidationError as error:
            faults = "\n".join(f"  {'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
            raise SystemDescriptionError(f"{path.name} does not describe a system:\n{faults}") from error

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        faults = [
            *self._routes_and_times(),
            *self._words_between_services(),
            *(fault for name in ("shop", *self.instances) for fault in _shared_ports(self.instance(name))),
        ]
        if faults:
            raise ValueError("; ".join(faults))
        return self

    def _words_between_services(self) -> list[str]:
        published = {s.publishes for s in self.services.values() if s.publishes}
        heard = [(name, of.hears) for name, of in self.services.items()]
        heard += [(name, of.hears) for name, of in self.engines.items()]
        faults = [
            f"{name} hears {topic}, which nobody publishes"
            for name, hears in heard
            for topic in hears
            if topic not in published
        ]
        for service in self.services.values():
            faults += [
                f"{service.name} calls {c}, which is not a service" for c in service.calls if c not in self.services
            ]
        if len(published) != sum(1 for s in self.services.values() if s.publishes):
            faults.append("two services publish one topic")
        return faults

    def _routes_and_times(self) -> list[str]:
        faults = []
        owners: dict[str, list[str]] = defaultdict(list)
        for service in self.services.values():
            for route in service.routes:
                owners[route.path].append(service.name)
                if route.limit not in self.limits:
                    faults.append(f"route {route.path} names the limit {route.limit}, which does not exist")
        faults += [f"route {path} belongs to {' and '.join(who)}" for path, who in owners.items() if len(who) > 1]
        for profile in (self.shop.times, *(i.times for i in self.instances.values())):
            if profile not in self.times:
                faults.append(f"times.{profile} does not exist")
        for instance, spec in self.instances.items():
            strange = spec.settings.keys() - self.services.keys()
            faults += [f"instances.{instance}.settings.{name}: there is no such service" for name in sorted(strange)]
        for name, own in self.times.items():
            times = self.times.get("standard", {}) | own
            if times.get("step_deadline_seconds", 0) >= times.get("lease_seconds", float("inf")):
                faults.append(f"times.{name}: a step may take as long as the lease")
        return faults

    @property
    def topic_names(self) -> tuple[str, ...]:
        """Every Kafka topic: one per publisher, and one for what each process without SQL has parked."""
        published = [s.publishes for s in self.services.values() if s.publishes]
        return (*published, *filter(None, map(self.parked_topic_of, self.broker_users)))

    @property
    def broker_users(self) -> tuple[str, ...]:
        """Every process that speaks to Kafka; each has a user of its own there, of its own name."""
        return (
            *(s.name for s in self.services.values() if s.publishes or s.hears),
            *(name for name, engine in self.engines.items() if engine.hears),
        )

    def parked_topic_of(self, name: str) -> str | None:
        """Where a process without SQL puts the messages that it cannot take; others keep them in a table."""
        if name in self.services:
            return self.services[name].parked_topic
        return f"{name}.parked" if self.engines[name].hears else None

    def callers_of(self, name: str) -> tuple[str, ...]:
        """Who may use the /internal routes of a service. The command line may: it serves the operator. Auth is asked by
        everybody: whose sessions have ended."""
        return (*(s.name for s in self.services.values() if name in s.calls or name == "auth"), "cli")

    def instance(self, name: str = "shop", home: Path | None = None) -> "Instance":
        """A running copy by name; `home` is where its data lives (by default BODEGA_HOME or .bodega)."""
        if name == "shop":
            spec = InstanceSpec(times=self.shop.times)
        elif name in self.instances:
            spec = self.instances[name]
        else:
            raise SystemDescriptionError(
                f"there is no instance {name}: platform.toml has shop, {', '.join(self.instances)}"
            )
        return Instance(name=name, system=self, spec=spec, home=home or state_home())


@dataclass(frozen=True)
class Instance:
    """One running copy of the system: the shop itself, or the one that tests use."""

    name: str
    system: System
    spec: InstanceSpec
    home: Path

    @property
    def data(self) -> Path:
        """The folder of everything this copy keeps: stores, secrets, logs, its supervisor's state."""
        return self.home / self.name

    @property
    def logs(self) -> Path:
        """The folder of the processes' logs."""
        return self.data / "logs"

    @property
    def profile(self) -> str:
        """The profile of its waiting times: platform.toml's, unless `bench --times` has chosen another."""
        chosen = self.data / "times"
        return chosen.read_text() if chosen.exists() else self.spec.times

    def choose_times(self, profile: str) -> None:
        """It runs with this profile from its next start on."""
        self.data.mkdir(parents=True, exist_ok=True)
        (self.data / "times").write_text(profile)

    @property
    def times(self) -> dict[str, float]:
        """Every waiting time, by name with its unit. What the profile does not name is as in `standard`."""
        return self.system.times["standard"] | self.system.times[self.profile]

    @cached_property
    def ports(self) -> dict[str, dict[str, int]]:
        """Engine -> purpose -> port."""
        return {
            name: {
                purpose: self.spec.ports.get(name, {}).get(purpose, port + self.spec.offset)
                for purpose, port in engine.ports.items()
            }
            for name, engine in self.system.engines.items()
        }

    @property
    def is_copy(self) -> bool:
        """Whether it was restored beside the instance that it is a copy of. It then speaks to the sandbox alone: cards
        are charged, mails and messages sent by the other."""
        return (self.data / COPY_MARK).exists()

    @property
    def copied_processor(self) -> str | None:
        """Of a copy: who charged the cards of the other, `sandbox` or `other`."""
        return (self.data / COPY_MARK).read_text() if self.is_copy else None

    @property
    def topology(self) -> Topology:
        """How the services run: as `up --topology` has said last."""
        chosen = self.data / "topology"
        return "one" if chosen.exists() and chosen.read_text() == "one" else "eleven"

    def log_of(self, part: str) -> Path:
        """Where a part writes. Services that share a process share the log of their parent."""
        shared = self.topology == "one" and part in self.system.services
        return logs.path_of(self.logs, "services" if shared else part)

    def port(self, engine: str, purpose: str) -> int:
        """The port of an engine."""
        return self.ports[engine][purpose]

    def service_port(self, name: str) -> int:
        """The port of a service."""
        return self.system.services[name].port + self.spec.offset

    @property
    def listen(self) -> str:
        """The address that every part listens on."""
        return LOOPBACK if self.spec.site is None else "0.0.0.0"  # noqa: S104 (a container's own network)

    def host(self, part: str) -> str:
        """Where a service or an engine is, for the others."""
        return LOOPBACK if self.spec.site is None else self.spec.hosts.get(part, part)

    def service_url(self, name: str) -> str:
        """Where a service answers over HTTP."""
        return f"http://{self.host(name)}:{self.service_port(name)}"

    def service_address(self, name: str) -> str:
        """Where a service answers other services: in their process, if they share one."""
        return f"memory://{name}" if self.topology == "one" else self.service_url(name)

    @property
    def kafka(self) -> str:
        """The broker, as host:port; whom it is spoken to as is added by `settings`."""
        return f"{self.host('kafka')}:{self.port('kafka', 'kafka')}"

    @property
    def edge_url(self) -> str:
        """The edge, for other parts; shoppers have `site_url`."""
        return f"http://{self.host('varnish')}:{self.port('varnish', 'http')}"

    @property
    def api_url(self) -> str:
        """The API, as its users call it: the gateway's public listener, or below the site's name."""
        if self.spec.site is not None:
            return f"https://{self.spec.site}/api"
        return f"http://{LOOPBACK}:{self.port('envoy', 'public')}"

    @property
    def site_url(self) -> str:
        """The shop's pages, as a browser calls them."""
        return self.edge_url if self.spec.site is None else f"https://{self.spec.site}"

    @property
    def sandbox_url(self) -> str:
        """The stand-in for the world outside, for other parts."""
        return f"http://{self.host('sandbox')}:{self.port('sandbox', 'http')}"

    @property
    def sandbox_public_url(self) -> str:
        """The same as a browser calls it. An origin of its own: its card form is a foreign frame."""
        return self.sandbox_url if self.spec.site is None else f"https://sandbox.{self.spec.site}"

    @property
    def s3_url(self) -> str:
        """Object storage."""
        return f"http://{self.host('seaweedfs')}:{self.port('seaweedfs', 's3')}"


def state_home() -> Path:
    """Where Bodega keeps everything it makes: BODEGA_HOME, else `.bodega` in the repository."""
    return Path(os.environ.get("BODEGA_HOME") or ROOT / ".bodega").resolve()


def _shared_ports(instance: Instance) -> list[str]:
    holders: dict[int, list[str]] = defaultdict(list)
    for engine, ports in instance.ports.items():
        for purpose, port in ports.items():
            holders[port].append(f"{engine}.{purpose}")
    for service in instance.system.services:
        holders[instance.service_port(service)].append(service)
    return [
        f"port {port} of {instance.name} is wanted by {' and '.join(w)}" for port, w in holders.items() if len(w) > 1
    ]


def _merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    result = dict(base)
    for key, value in over.items():
        both_tables = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = _merged(result[key], value) if both_tables else value
    return result
