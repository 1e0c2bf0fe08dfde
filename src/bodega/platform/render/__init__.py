"""The shop in containers: compose.yaml and the Helm chart's parts, rendered from platform.toml.

What is rendered holds no secret and no file of an engine: each container's own are made at its start, by `inside`.
"""
