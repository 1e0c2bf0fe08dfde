"""Whatever runs natively holds its own secrets and no other's: in its environment, its command line and its files."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bodega.platform import control
from bodega.platform.engines.program import Program
from bodega.platform.environment import DOWNLOADS, inherited
from bodega.platform.processes import write_topology
from bodega.platform.programs import environment_of, programs
from bodega.platform.secrets import Secrets
from bodega.platform.settings import database_name
from bodega.platform.system import ROOT, Instance, System
from tests.platform.ownership import held, owned_by

pytestmark = pytest.mark.unit

CALLERS = {
    "BODEGA_STRIPE_SECRET_KEY": "sk_live_of_the_caller",
    "BODEGA_STRIPE_WEBHOOK_SECRET": "whsec_of_the_caller",
    "BODEGA_ORDERS_DATABASE_URL": "postgresql://bodega_orders:of-the-caller@127.0.0.1/bodega_orders",
    "BODEGA_TEST_ADMIN_URL": "postgresql://postgres:of-the-caller@127.0.0.1/postgres",
    "BODEGA_MAVEN_REPOSITORY": "https://me:of-the-caller@maven.example",
    "BODEGA_PASSWORD": "password-of-the-caller",
    "AWS_SECRET_ACCESS_KEY": "aws-of-the-caller",
    "GITHUB_TOKEN": "ghp-of-the-caller",
    "GOOGLE_API_KEY": "google-of-the-caller",
    "PGPASSWORD": "pg-of-the-caller",
    "STRIPE_API_KEY": "sk-of-the-caller",
    "PIP_INDEX_URL": "https://me:pip-of-the-caller@packages.example",
    "HTTPS_PROXY": "http://me:proxy-of-the-caller@proxy.example",
    "JAVA_TOOL_OPTIONS": "-Dpassword=java-of-the-caller",
    "OTEL_EXPORTER_OTLP_HEADERS": "api-key=traces-of-the-caller",
}
"""What may stand in the shell of whoever types `./bodega up`, or stay there after `eval "$(./bodega env)"`."""
SENDS_TRACES = {"services", "purger"}


@pytest.fixture(params=["eleven", "one"])
def instance(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Instance:
    for name, value in CALLERS.items():
        monkeypatch.setenv(name, value)
    instance = System.load(local=False).instance("shop", tmp_path)
    write_topology(instance, request.param)
    return instance


def given_to(program: Program) -> list[str]:
    """All that a program is started with: its variables, its command line, the files of a folder of its own."""
    own = program.folder.glob("*") if program.folder.name == program.name else ()
    files = [path.read_text() for path in own if path.is_file()]
    return [*environment_of(program).values(), *program.command, *files]


def test_no_program_is_given_a_secret_of_another(instance: Instance) -> None:
    secrets = Secrets.of(instance)
    found = {program.name: held(given_to(program), secrets) for program in programs(instance, "shop")}
    foreign = {name: its - owned_by(name, instance) for name, its in found.items()}
    assert not {name: secret for name, secret in foreign.items() if secret}
    assert found["storefront"] == {"edge", "purge"}, "or nothing would be found at all"
    assert found["valkey"] == owned_by("valkey", instance), "in its files, too"


def test_no_program_is_given_what_the_caller_keeps_for_others(instance: Instance) -> None:
    seen = {
        program.name: {name for name, value in CALLERS.items() if value in "\n".join(given_to(program))}
        for program in programs(instance, "shop")
    }
    traces = {"OTEL_EXPORTER_OTLP_HEADERS"}
    assert {name: secret for name, secret in seen.items() if secret} == dict.fromkeys(SENDS_TRACES, traces)


async def test_each_service_reads_its_own_secrets_and_payments_alone_the_processors_key(instance: Instance) -> None:
    secrets = Secrets.of(instance)
    (services,) = (program for program in programs(instance, "shop") if program.children)
    assert services.prepare is not None
    await services.prepare()
    told = {name: (instance.data / "settings" / f"{name}.json").read_text() for name in instance.system.services}
    foreign = {name: held([text], secrets) - owned_by(name, instance) for name, text in told.items()}
    assert not {name: secret for name, secret in foreign.items() if secret}
    assert f"postgres-{database_name('orders')}" in held([told["orders"]], secrets), "or nothing would be found at all"
    assert [name for name, text in told.items() if "of_the_caller" in text] == ["payments"]


def test_the_supervisor_is_given_what_it_hands_on_and_nothing_else(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[dict[str, str]] = []
    monkeypatch.setattr(subprocess, "Popen", lambda *_, env, **__: started.append(env))
    control.ensure_supervised(instance, "shop")
    assert {name for name in CALLERS if name in started[0]} == {
        "BODEGA_STRIPE_SECRET_KEY", "BODEGA_STRIPE_WEBHOOK_SECRET", "OTEL_EXPORTER_OTLP_HEADERS",
    }  # fmt: skip
    assert started[0]["PATH"]


def test_what_downloads_sees_its_own_configuration_and_asks_no_proxy_for_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    downloads = {"PIP_INDEX_URL", "HTTPS_PROXY", "GOPROXY", "npm_config_registry"}
    others = {"GOOGLE_API_KEY", "GITHUB_TOKEN", "BODEGA_STRIPE_SECRET_KEY", "LCOV_TOKEN"}
    for name in (*downloads, *others, "NO_PROXY"):
        monkeypatch.setenv(name, f"of-{name}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("LC_TIME", "en_IE.UTF-8")
    seen = inherited(*DOWNLOADS)
    assert not others & seen.keys()
    assert {name: seen[name] for name in downloads} == {name: f"of-{name}" for name in downloads}
    assert seen["NO_PROXY"] == seen["no_proxy"] == "of-NO_PROXY,127.0.0.1,localhost"
    assert seen["LC_TIME"] == inherited()["LC_TIME"] == "en_IE.UTF-8"
    assert not downloads & inherited().keys()


def calls_that_start_a_process() -> Iterator[tuple[str, ast.Call]]:
    for file in sorted((ROOT / "src" / "bodega").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and re.fullmatch(
                r"subprocess\.(run|Popen|call|check_call|check_output)|asyncio\.create_subprocess_(exec|shell)"
                r"|os\.(system|popen|spawn\w+|posix_spawn\w*|exec\w+)",
                ast.unparse(node.func),
            ):
                yield f"{file.relative_to(ROOT)}:{node.lineno}", node


def test_every_process_that_is_started_is_given_an_environment_of_its_own() -> None:
    """Of what packages' own scripts, compilers and tests see, too."""
    calls = dict(calls_that_start_a_process())
    assert len(calls) > 8, "or the search has found nothing"
    assert not [where for where, call in calls.items() if "env" not in {word.arg for word in call.keywords}]


def test_nobody_hands_on_the_callers_whole_environment() -> None:
    whole = re.compile(r"\*\*os\.environ|dict\(os\.environ|os\.environ\.(copy|items)\(|[|] os\.environ|env=os\.environ")
    sources = (ROOT / "src" / "bodega").rglob("*.py")
    assert {path.name for path in sources if whole.search(path.read_text())} == {"environment.py"}
