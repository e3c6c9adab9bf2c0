"""One file per command; each exports a click `command` and decides nothing itself."""
