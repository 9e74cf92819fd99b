"""Which IP addresses are public: the guard of what is fetched because a message says so.

The lists are written out, for those of `ipaddress` change with the version of Python. Sources: the IANA registries of
special-purpose addresses for IPv4 (https://www.iana.org/assignments/iana-ipv4-special-registry) and IPv6
(https://www.iana.org/assignments/iana-ipv6-special-registry); RFC 6052 for NAT64.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

_CLOSED_4 = [
    ip_network(block)
    for block in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24"),
        *("203.0.113.0/24", "224.0.0.0/3"),
        "168.63.129.16/32",  # public by its number, and the metadata service of Azure
    )
]
_OPEN_6 = IPv6Network("2000::/3")  # the one block of global unicast addresses
_CLOSED_6 = [
    ip_network(block)
    for block in (
        "2001::/23",  # protocols: Teredo, ORCHID, benchmarking
        "2001:db8::/32",
        "2002::/16",  # 6to4 holds an IPv4 address, and nobody runs it any more
        "3fff::/20",
    )
]
_NAT64 = IPv6Network("64:ff9b::/96")


def is_public(address: str) -> bool:
    """Whether `address`, in standard spelling, is one of the public internet; an address inside another is unpacked.

    False for private, loopback, link-local (metadata services), shared, multicast, reserved and unspecified addresses,
    for all tunnels but NAT64, for an address with a zone (``fe80::1%eth0``), and for what is no address.
    """
    try:
        found = ip_address(address)
    except ValueError:
        return False
    if isinstance(found, IPv6Address):
        if found.scope_id is not None:
            return False
        inner = _unpack(found)
        if inner is None:
            return found in _OPEN_6 and not any(found in block for block in _CLOSED_6)
        found = inner
    return not any(found in block for block in _CLOSED_4)


def _unpack(address: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address inside a mapped or a NAT64 one: that is where its packets go."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else None
