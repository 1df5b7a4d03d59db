"""Programs that were written for other status pages, each in an environment of its own, as it is published."""
