"""What the hub tells people outside of it: mails, by SMTP or into files.

May know the services and the ways out; knows no HTTP API, no page and no incident. See docs/architecture.md.
"""
