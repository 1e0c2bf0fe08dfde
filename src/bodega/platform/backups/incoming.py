"""What lies in a restored data folder until its first start has taken it in (see `loading`).

Asked by the supervisor: so it imports no engine's client.
"""

from pathlib import Path

from bodega.platform.backups.points import Points
from bodega.platform.system import Instance

FOLDER = "incoming"
RECORDS, OBJECTS = "records.jsonl", "objects"
_POINTS = "points.json"


def folder_of(instance: Instance) -> Path:
    """Where it lies."""
    return instance.data / FOLDER


def is_due(instance: Instance) -> bool:
    """Whether there is something to take in."""
    return (folder_of(instance) / _POINTS).exists()


def leave(folder: Path, points: Points) -> None:
    """Beside the records and objects in that folder: what is needed to take them in."""
    (folder / _POINTS).write_text(points.model_dump_json(indent=1))


def points_of(instance: Instance) -> Points:
    """What `leave` has left. Raises OSError."""
    return Points.model_validate_json((folder_of(instance) / _POINTS).read_text())


def forget(instance: Instance) -> None:
    """It is in."""
    (folder_of(instance) / _POINTS).unlink()
