"""Scopes are proofs only as long as nobody but the permission module makes them. The source is held to that."""

import ast
from collections.abc import Iterator
from pathlib import Path

import org_partner
from org_partner.crud import scopes

SOURCE = Path(org_partner.__file__).parent
SCOPES = {name for name in vars(scopes) if name.endswith("Scope")}


def modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(SOURCE.rglob("*.py")):
        yield path.relative_to(SOURCE).as_posix(), ast.parse(path.read_text())


def called(tree: ast.Module) -> set[str]:
    functions = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    names = {function.id for function in functions if isinstance(function, ast.Name)}
    # A text or a time has a `replace` of its own, which makes no scope.
    return names | {
        function.attr
        for function in functions
        if isinstance(function, ast.Attribute)
        and (function.attr != "replace" or ast.unparse(function.value) in ("dataclasses", "copy"))
    }


def imported(tree: ast.Module) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {str(node.module)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


def test_only_permission_makes_scopes() -> None:
    makers = {name for name, tree in modules() if called(tree) & (SCOPES | {"replace"})}

    assert makers == {"service/permission.py"}


def test_only_permission_asks_where_a_bare_id_lives() -> None:
    askers = {name for name, tree in modules() if "org_partner.crud.tenancy" in imported(tree)}

    assert askers == {"service/permission.py"}


def test_every_query_over_tenants_asks_for_a_scope() -> None:
    free = {"crud/tenancy.py", "crud/users.py"}
    for name, tree in modules():
        if not name.startswith("crud/") or name in free:
            continue
        for node in tree.body:
            if isinstance(node, ast.AsyncFunctionDef):
                second = node.args.args[1]
                assert second.annotation is not None, f"{name}: {node.name}"
                assert "Scope" in ast.unparse(second.annotation), f"{name}: {node.name} takes no scope"
