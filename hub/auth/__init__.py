"""Who somebody is and what he may do: tokens, passwords, permissions.

Given keys, a clock and rows by its callers; knows no HTTP and no SQL. See DESIGN §5 in docs/architecture.md.
"""
