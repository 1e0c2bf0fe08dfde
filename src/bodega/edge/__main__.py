"""`python -m bodega.edge`: the purger, by the environment's settings."""

from bodega.edge.app import Settings, create_app
from bodega.kit.app import serve

if __name__ == "__main__":
    settings = Settings()
    serve((create_app(settings), settings.host, settings.port))
