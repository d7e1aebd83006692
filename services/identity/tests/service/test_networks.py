import pytest

from identity.service.networks import UNKNOWN, host_of, network_of


@pytest.mark.parametrize(
    ("ip", "network", "host"),
    [
        ("203.0.113.77", "203.0.113.0/24", "203.0.113.77"),
        ("::ffff:203.0.113.77", "203.0.113.0/24", "203.0.113.77"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64", "fe80::/64"),
        (None, UNKNOWN, UNKNOWN),
        ("", UNKNOWN, UNKNOWN),
        ("testclient", UNKNOWN, UNKNOWN),
        ("203.0.113.77, 10.0.0.1", UNKNOWN, UNKNOWN),
    ],
)
def test_what_counts_as_one_place(ip, network, host) -> None:
    assert (network_of(ip), host_of(ip)) == (network, host)
