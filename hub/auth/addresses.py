"""What stands for a client's network address where clients are counted. Pure."""

from ipaddress import IPv6Address, ip_address


def counted_as(address: str) -> str:
    """`address` itself, but of IPv6 its /64: whoever has one address of it has them all."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return f"{int(parsed) >> 64:x}::/64"
