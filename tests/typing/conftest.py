"""The scripts are read by type checkers, never run."""

collect_ignore_glob = ["scripts/*"]
