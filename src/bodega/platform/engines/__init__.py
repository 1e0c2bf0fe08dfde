"""The programs that Bodega stands on, one file each: command line, configuration, readiness, how to stop it.

What was found about each of them, and why an option is there, stands beside the option.
"""
