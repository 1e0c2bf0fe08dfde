"""The images that containers are made from: Bodega's own two, and each engine's official one, at the native version.

The versions are those of the packages that run natively (locks/), and the tests', so that both are one system.
"""

from typing import Final

from bodega import __version__

BODEGA: Final = f"bodega:{__version__}"
STOREFRONT: Final = f"bodega-storefront:{__version__}"
ENGINES: Final = {
    "postgres": "postgres:18",
    "valkey": "valkey/valkey:9.1",
    "mongo": "mongo:8.0",
    "kafka": "apache/kafka:4.4.0",
    # Not Elasticsearch: the client of the search service refuses its newer versions, and this one runs natively.
    "opensearch": "opensearchproject/opensearch:3.8.0",
    "seaweedfs": "chrislusf/seaweedfs:4.48",
    "envoy": "envoyproxy/envoy:v1.40.0",
    "varnish": "varnish:7.7",  # with the varnish-modules that the edge needs: xkey, var
}
TERMINATOR: Final = "caddy:2.10"
