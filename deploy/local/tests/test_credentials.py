import json

import nkeys

from growfit_local import credentials
from growfit_local.home import Home


def made_home(tmp_path):
    home = Home.at(tmp_path / "home")
    home.create()
    return home


def test_secrets_are_made_once_and_only_their_owner_reads_them(tmp_path):
    home = made_home(tmp_path)

    first = credentials.load(home)
    second = credentials.load(home)

    assert second == first
    assert home.secrets.stat().st_mode & 0o777 == 0o600


def test_a_secret_that_a_newer_version_needs_is_added_and_the_others_stay(tmp_path):
    home = made_home(tmp_path)
    first = credentials.load(home)
    reduced = {name: value for name, value in first.items() if name != "RAG_DB_PASSWORD"}
    home.secrets.write_text(json.dumps(reduced))

    second = credentials.load(home)

    assert second["RAG_DB_PASSWORD"] not in ("", first["RAG_DB_PASSWORD"])
    assert reduced.items() <= second.items()


def test_no_two_installations_or_roles_share_a_password(tmp_path):
    one, other = credentials.generate(), credentials.generate()

    assert len({*one.values(), *other.values()}) == len(one) + len(other)


def test_the_public_key_belongs_to_the_seed():
    secrets = credentials.generate()

    for user in credentials.NATS_USERS:
        pair = nkeys.from_seed(secrets[credentials.seed_name(user)].encode())
        assert bytes(pair.public_key).decode() == secrets[credentials.public_name(user)]
