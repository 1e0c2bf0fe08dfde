"""Search over HTTP, in the demo shop's goods."""
