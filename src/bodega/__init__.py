"""Bodega: an e-commerce system of eleven services, each owning its data.

The house is drawn in docs/map.md; what runs, and where, in platform.toml.
"""

__version__ = "0.2.0"
