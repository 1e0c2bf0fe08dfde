"""The chart as Helm renders it, kept in golden/chart.yaml: Helm itself takes minutes to build, so tests read that.

    python -m tests.deploy.chart

builds Helm, lets it lint the chart with golden/values.yaml and renders it anew; with the defaults alone it must
refuse. The file bears the digest of all that it was rendered from: a chart that was changed since fails the tests
until this is run.
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
    subprocess.run([helm, "lint", "--strict", "--quiet", str(CHART), "--values", str(VALUES)], check=True)
    template = [helm, "template", "bodega", str(CHART), "--kube-version", f"{KUBERNETES}.0"]
    refused = subprocess.run(template, check=False, capture_output=True, text=True)
    if refused.returncode == 0 or "networkPolicy.ingressNamespace" not in refused.stderr:
        raise SystemExit(f"with the defaults alone the chart should ask for the ingress' namespace: {refused.stderr}")
    rendered = subprocess.run([*template, "--values", str(VALUES)], check=True, capture_output=True, text=True).stdout
    RENDERED.write_text(f"{first_line()}\n{rendered}")


if __name__ == "__main__":
    main()
