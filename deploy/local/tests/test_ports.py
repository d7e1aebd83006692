import socket

import pytest

from growfit_local import ports
from growfit_local.errors import AddressUnfit, PortTaken


@pytest.fixture
def taken():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_taken_gateway_port_is_refused_with_the_way_out(taken):
    with pytest.raises(PortTaken) as refused:
        ports.gateway(taken, host="127.0.0.1")

    message = str(refused.value)
    assert f"Port {taken} is taken by" in message
    assert message.count(f"PORT={taken + 1} make up") == 2
    assert "이미 다른 프로그램이 쓰고 있습니다" in message


def test_a_remembered_port_is_kept_while_it_is_free(taken):
    free = ports.unused()

    chosen = ports.choose(("nats", "rag"), remembered={"nats": free, "rag": taken}, gateway=0)

    assert chosen["nats"] == free
    assert chosen["rag"] not in (taken, free)


def test_no_port_is_given_out_twice():
    names = tuple(f"process-{number}" for number in range(50))

    chosen = ports.choose(names, remembered=dict.fromkeys(names, ports.unused()), gateway=0)

    assert len(set(chosen.values())) == len(names)


def test_the_gateway_s_port_is_nobody_else_s_remembered_or_new(monkeypatch):
    """Nothing listens there yet when the others are chosen."""
    gateway = ports.unused()
    assert ports.choose(("nats",), remembered={"nats": gateway}, gateway=gateway)["nats"] != gateway

    offered = iter([gateway, gateway + 1])
    monkeypatch.setattr(ports.secrets, "randbelow", lambda _: next(offered) - ports._LOWEST)
    monkeypatch.setattr(ports, "is_free", lambda port, **_: True)
    assert ports.choose(("nats",), remembered={}, gateway=gateway) == {"nats": gateway + 1}


def test_any_free_gateway_port_prefers_the_last_one(taken):
    free = ports.unused()

    assert ports.gateway(0, host="127.0.0.1", remembered=free) == free
    assert ports.gateway(0, host="127.0.0.1", remembered=taken) != taken


def test_an_address_of_another_machine_is_named_as_the_reason():
    with pytest.raises(AddressUnfit, match=r"192\.0\.2\.7"):
        ports.gateway(0, host="192.0.2.7")
    with pytest.raises(AddressUnfit, match=r"999\.1\.1\.1"):
        ports.gateway(8000, host="999.1.1.1")
