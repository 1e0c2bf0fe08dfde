"""The storefront: Next.js behind the edge, on the Node that comes as a package."""

from bodega.platform import pages
from bodega.platform.engines.program import CannotStart, Program, answers
from bodega.platform.running import digest, sorted_settings
from bodega.platform.system import LOOPBACK, Instance


def program(instance: Instance, settings: dict[str, str]) -> Program:
    """The pages' server. It is alive without the API: then the edge shows the pages it has."""

    async def ready_to_start() -> None:
        if not (pages.are_installed() and pages.are_built()):
            raise CannotStart("the pages are not built: run `./bodega up`")

    return Program(
        name="storefront",
        command=(str(pages.node()), "--disable-warning=ExperimentalWarning", "server.ts"),
        folder=pages.STOREFRONT,
        environment={**settings, "NODE_ENV": "production", "NEXT_TELEMETRY_DISABLED": "1"},
        ports=instance.ports["storefront"],
        ready=answers(f"http://{LOOPBACK}:{instance.port('storefront', 'http')}/livez"),
        prepare=ready_to_start,
        made_of=lambda: digest(pages.built_from(), *sorted_settings(settings)),
    )
