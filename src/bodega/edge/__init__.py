"""The edge: what shoppers' requests meet first (Varnish), and the purger, which takes from it what has changed."""
