"""How Bodega is started: engines, processes, settings, migrations. No service imports it."""
