"""Background work: thin Celery tasks over `hub.services`, and the table of what happens when (`tasks.app`).

May know the services, the settings and Celery; nothing of HTTP. Never publishes: what a task changes reaches viewers
through the same transaction as every other change. See docs/architecture.md.
"""
