"""Tell whether an address is one of those that a setting names; pure."""

from collections.abc import Iterable
from ipaddress import IPv6Address, ip_address, ip_network


def is_within(address: str | None, networks: Iterable[str]) -> bool:
    """Tell whether an address is in one of the networks; what is none, a Unix socket's, is not."""
    try:
        found = ip_address(address or "")
    except ValueError:
        return False
    # How a server that listens on IPv6 says an IPv4 address.
    if isinstance(found, IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    return any(found in ip_network(network) for network in networks)
