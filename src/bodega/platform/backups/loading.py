"""What a restored instance takes in at its first start, once its engines run and before its services come.

A part of `provision`, so a start that is interrupted is made up for by the next one.
"""

import shutil
from datetime import timedelta

from bodega.platform.backups import incoming, objects, outside, postgres, stores, topics
from bodega.platform.secrets import Secrets
from bodega.platform.settings import database_url
from bodega.platform.system import Instance

_READ_AGAIN = timedelta(hours=1)
"""An event that its reader had taken by so long before it was asked how far it was, it does not read again."""


async def take_in(instance: Instance) -> None:
    """Events, how far their readers were, and objects; and what the sandbox knows of later is forgotten. Topics and
    buckets must be there. May be done again.

    Raises KafkaError, ClientError, PyMongoError, sqlite3.Error, OSError, asyncpg's errors.
    """
    points, folder = incoming.points_of(instance), incoming.folder_of(instance)
    secrets = Secrets.of(instance)
    for service in instance.system.services.values():
        if service.store == "postgres":
            url = database_url(instance, secrets, service.name, owner=True)
            await postgres.remember(url, points.read_at - _READ_AGAIN)
    await outside.set_back(instance)
    await objects.load(instance, folder / incoming.OBJECTS)
    versions = {"catalog": await stores.versions(instance)}
    await topics.load(instance, folder / incoming.RECORDS, points.committed, versions)
    incoming.forget(instance)
    shutil.rmtree(folder)
