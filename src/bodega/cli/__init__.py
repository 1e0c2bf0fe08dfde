"""The command line: one file per group of commands. It starts and asks; what it starts lives in `platform`."""
