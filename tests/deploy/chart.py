"""The chart as Helm renders it, kept in golden/chart.yaml: Helm itself takes minutes to build, so tests read that.

    python -m tests.deploy.chart

builds Helm, lets it lint the chart (with the defaults, and with golden/values.yaml) and renders it anew. The file bears
the digest of all that it was rendered from: a chart that was changed since fails the tests until this is run.
"""

import hashlib
import subprocess
from pathlib import Path

from bodega.platform.gotools import HELM, go_tool
from bodega.platform.system import ROOT

CHART = ROOT / "deploy" / "chart"
GOLDEN = Path(__file__).with_name("golden")
VALUES = GOLDEN / "values.yaml"
RENDERED = GOLDEN / "chart.yaml"
KUBERNETES = "1.34"


def digest() -> str:
    """Of every file of the chart and of the values, by name."""
    whole = hashlib.sha256()
    for file in (*sorted(path for path in CHART.rglob("*") if path.is_file()), VALUES):
        whole.update(f"{file.relative_to(ROOT)} {hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return whole.hexdigest()


def first_line() -> str:
    """What golden/chart.yaml begins with, if it is of the chart as it is."""
    return f"# Rendered by `python -m tests.deploy.chart` from {digest()}"


def main() -> None:
    helm = go_tool(*HELM)
    for values in ([], ["--values", str(VALUES)]):
        subprocess.run([helm, "lint", "--strict", "--quiet", str(CHART), *values], check=True)
        rendered = subprocess.run(
            [helm, "template", "bodega", str(CHART), "--kube-version", f"{KUBERNETES}.0", *values],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
    RENDERED.write_text(f"{first_line()}\n{rendered}")


if __name__ == "__main__":
    main()
