"""Proofs are proofs only as long as nobody but the permission module makes them. The source is held to that."""

import ast
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

import identity
from chassis.auth import Principal
from chassis.errors import Forbidden
from identity.crud import scopes
from identity.service import permission

SOURCE = Path(identity.__file__).parent
PROOFS = {
    name for name, value in vars(scopes).items() if isinstance(value, type) and value.__module__ == scopes.__name__
}
# Everybody's accounts, and what stands for the whole platform; with what identity itself does there for nobody's sake.
EVERYBODYS = {
    "crud/admin_users.py": set(),
    "crud/platform_settings.py": {"list_values", "update_origins_forgotten"},
    "crud/erasures.py": {"add", "count_personal"},
}


def modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(SOURCE.rglob("*.py")):
        yield path.relative_to(SOURCE).as_posix(), ast.parse(path.read_text())


def called(tree: ast.Module) -> set[str]:
    functions = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    names = {function.id for function in functions if isinstance(function, ast.Name)}
    attributes = {function for function in functions if isinstance(function, ast.Attribute)}
    # `str.replace` makes no proof; `dataclasses.replace` does.
    makers = {each.attr for each in attributes if each.attr in PROOFS or ast.unparse(each) == "dataclasses.replace"}
    return names | makers


def test_the_proofs_are_found() -> None:
    assert {"Supervisor", "Own"} == PROOFS


def test_only_permission_makes_proofs() -> None:
    makers = {name for name, tree in modules() if called(tree) & (PROOFS | {"replace", "dataclasses.replace"})}

    assert makers == {"service/permission.py"}


def test_every_query_over_everybodys_rows_asks_for_a_proof() -> None:
    asked: dict[str, int] = {}
    for name, tree in modules():
        for node in tree.body:
            if isinstance(node, ast.AsyncFunctionDef) and node.name not in EVERYBODYS.get(name, {node.name}):
                second = node.args.args[1]
                assert second.annotation is not None, f"{name}: {node.name}"
                assert ast.unparse(second.annotation) == "Supervisor", f"{name}: {node.name} takes no proof"
                asked[name] = asked.get(name, 0) + 1
    assert asked.keys() == EVERYBODYS.keys()


# What no caller asks for: settings as they act, roles that decide on a second factor, keys that everybody may have, and
# an address's invitations, which the row-level policy shows to who presents the address.
FOR_NOBODY = {
    "platform_settings.list_values",
    "memberships.list_roles",
    "signing_keys.list_public",
    "tenant_invitations.list_open",
}


def test_every_list_asks_for_a_proof() -> None:
    free = set()
    for name, tree in modules():
        for node in tree.body:
            if name.startswith("crud/") and isinstance(node, ast.AsyncFunctionDef) and node.name.startswith("list"):
                asked = {ast.unparse(each.annotation) for each in node.args.args if each.annotation}
                if not asked & PROOFS:
                    free.add(f"{Path(name).stem}.{node.name}")
    assert free == FOR_NOBODY


def test_another_s_account_is_named_in_the_routes_of_supervision_alone() -> None:
    naming = set()
    for name, tree in modules():
        for node in ast.walk(tree):
            if name.startswith("api/") and isinstance(node, ast.AsyncFunctionDef):
                naming |= {name for each in node.args.args if each.arg == "user_id"}
    assert naming == {"api/admin_users.py"}


def caller(tier: str) -> Principal:
    return Principal(uuid4(), tier, uuid4(), 0)


def test_a_supervisor_may_and_nobody_else() -> None:
    boss = caller("supervisor")
    assert permission.supervisor(boss).user_id == boss.user_id
    for tier in ("user", "", "SUPERVISOR", "admin"):
        with pytest.raises(Forbidden) as refused:
            permission.supervisor(caller(tier))
        assert refused.value.code == "supervisor_only"


def test_ones_own_is_ones_own() -> None:
    somebody = caller("user")
    assert permission.own(somebody).user_id == somebody.user_id
