"""The point of each engine in a backup of a running instance, as the manifest says them."""

from datetime import datetime
from typing import Self

from pydantic import BaseModel, ConfigDict

Offsets = dict[str, dict[int, int]]
"""By topic and partition."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Points(_Frozen):
    """Where each engine's copy ends, in the order in which they were taken. Times are by this machine's clock.

    The shop is restored as of `postgres_at`: what was acknowledged before is in the backup.
    """

    committed: dict[str, Offsets]
    """By group of readers: up to where it had read."""
    read_at: datetime
    """When it was asked how far the readers are: before any store was copied."""
    valkey_at: datetime
    postgres_at: datetime
    postgres_point: str
    """The name of the restore point at which recovery ends."""
    postgres_lsn: str
    ends: Offsets
    """Where each partition of a topic ended at the point: the first offset that is not in the backup."""
    sandbox_at: datetime
    mongo_at: datetime
    catalog_ends: Offsets
    """Where the catalog's topic ended once its documents were copied: so far it is in the backup."""
    objects_at: datetime

    @classmethod
    def of(cls, manifest: dict[str, object]) -> Self | None:
        """None: the instance stood still when it was copied. Raises ValueError."""
        told = manifest.get("points")
        return None if told is None else cls.model_validate(told)
