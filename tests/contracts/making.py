"""One example of every event, as golden as the release that it is of."""

import json
from pathlib import Path
from typing import Any

GOLDEN = Path(__file__).parent / "golden"


def golden() -> dict[str, dict[str, Any]]:
    """Messages as they stood on the topics of each release: `<release>/<Type>.json`."""
    return {f"{file.parent.name}/{file.stem}": json.loads(file.read_text()) for file in sorted(GOLDEN.glob("*/*.json"))}
