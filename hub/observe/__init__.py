"""What the hub tells whoever runs it: logs, metrics, crash reports. Knows the settings and nothing of the rest."""
