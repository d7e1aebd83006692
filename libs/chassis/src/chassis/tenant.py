"""The tenant context of a transaction: whose rows row-level security shows, decided before the first query.

`Database.transaction` sets it, and nothing else does. Without one, tables with a tenant are empty. It is the second
wall: queries filter by what the permission check gave them all the same.

Its settings, local to the transaction: `app.user`, `app.orgs` (ids divided by commas), `app.platform` (`on`: all),
`app.proof` (hex).
"""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.auth import Principal
from contracts.tenancy import Tenant

_USER = "(SELECT nullif(current_setting('app.user', true), '')::uuid)"


@dataclass(frozen=True, slots=True)
class Context:
    """`org_ids` None: the orgs in which the user has a part, looked up as the transaction begins."""

    user_id: UUID | None = None
    org_ids: frozenset[UUID] | None = frozenset()
    platform: bool = False


# A supervisor, and what the service itself does for all: sweeps, projections, operator's commands.
PLATFORM = Context(platform=True)


def of(caller: Principal) -> Context:
    """A person sees what is their own and what is in the orgs in which they have a part; a supervisor sees all."""
    return Context(caller.user_id, frozenset() if caller.is_supervisor else None, caller.is_supervisor)


def of_user(user_id: UUID) -> Context:
    """The same for one who is known by id alone, and never a supervisor's."""
    return Context(user_id, None)


def of_tenant(tenant: Tenant) -> Context:
    """What an event says its work belongs to: an object of another org is not found."""
    return Context(tenant.user_id, frozenset({tenant.org_id} if tenant.org_id else ()))


async def enter(session: AsyncSession, context: Context, *, schema: str) -> None:
    if context.org_ids is None:
        statement = text(f'SELECT "{schema}".enter_tenant(:user_id)')
        await session.execute(statement, {"user_id": str(context.user_id)})
        return
    await session.execute(
        text(
            "SELECT set_config('app.user', :user_id, true), set_config('app.orgs', :orgs, true), "
            "set_config('app.platform', :platform, true)"
        ),
        {
            "user_id": str(context.user_id or ""),
            "orgs": ",".join(map(str, context.org_ids)),
            "platform": "on" if context.platform else "",
        },
    )


async def present(session: AsyncSession, proof: bytes) -> None:
    """Show the row whose column of proofs (a hash of a code, of a link's token) is this one, whosever it is."""
    await session.execute(text("SELECT set_config('app.proof', :proof, true)"), {"proof": proof.hex()})


async def admit(session: AsyncSession, org_id: UUID) -> None:
    """Let the rest of the transaction into one more org: what was presented belongs to it."""
    held = "concat_ws(',', nullif(current_setting('app.orgs', true), ''), cast(:org_id AS text))"
    await session.execute(text(f"SELECT set_config('app.orgs', {held}, true)"), {"org_id": str(org_id)})


def enter_function(schema: str, orgs_of_user: str) -> str:
    """DDL of the function that `enter` calls for a user; for a service's migration.

    `orgs_of_user`: a query of one column of org ids, with the user's id as `p_user_id`.
    """
    return f"""
        CREATE OR REPLACE FUNCTION "{schema}".enter_tenant(p_user_id uuid) RETURNS void LANGUAGE plpgsql AS $$
        BEGIN
            PERFORM set_config('app.user', p_user_id::text, true);
            PERFORM set_config('app.platform', '', true);
            PERFORM set_config('app.orgs', '', true);
            PERFORM set_config('app.orgs', coalesce(
                (SELECT string_agg(DISTINCT found.org_id::text, ',') FROM ({orgs_of_user}) found (org_id)), ''), true);
        END $$
    """  # noqa: S608  the service's own words


def isolation(
    table: str,
    *,
    org: str | None = "org_id",
    user: str | None = None,
    reader: str | None = None,
    proof: str | None = None,
    through: str = "",
    readable: str = "",
) -> list[str]:
    """DDL that puts a table behind row-level security, forced on its owner too; for a service's migration.

    `table` is written with its schema. `org`, `user`: its columns of these ids; a row is seen and changed by who is in
    the org or is the user. `reader`: its column of the user who reads it besides the org and changes nothing: a role
    must not be one's own to write. `proof`: its column of hashes that `present` may show. `through`: for rows that
    belong to another table's row, what finds that one, which is itself behind the wall, as
    `"user".documents d WHERE d.document_id = chunks.document_id`. `readable`: the same for rows that may be read and
    neither changed nor locked, because they are somebody else's and shared.
    """
    # Scalar subqueries, so that each is worked out once a query and not once a row.
    ways = ["(SELECT current_setting('app.platform', true)) = 'on'"]
    if org:
        orgs = "string_to_array(nullif(current_setting('app.orgs', true), ''), ',')"
        ways.append(f"{org} = ANY ((SELECT {orgs}::uuid[])::uuid[])")
    if user:
        ways.append(f"{user} = {_USER}")
    if proof:
        ways.append(f"{proof} = (SELECT decode(nullif(current_setting('app.proof', true), ''), 'hex'))")
    if through:
        ways.append(f"EXISTS (SELECT FROM {through})")
    condition = " OR ".join(ways)
    # OFFSET 0: asked row by row, by its index. PostgreSQL would else read all that is shared for one long list.
    shown = f"EXISTS (SELECT FROM {readable} OFFSET 0)"
    return [
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
        f"CREATE POLICY tenant ON {table} USING ({condition}) WITH CHECK ({condition})",
        # A policy of its own: as a part of the other one, whoever sees a row could make it their own.
        *([f"CREATE POLICY own ON {table} FOR SELECT USING ({reader} = {_USER})"] if reader else []),
        *([f"CREATE POLICY shared ON {table} FOR SELECT USING ({shown})"] if readable else []),
    ]
