"""The e-mail domains of an org: each is one org's alone, and an org may give roles to their addresses only."""

from collections.abc import Sequence
from uuid import UUID

from email_validator import EmailNotValidError, validate_email
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import tenant
from chassis.auth import Principal
from chassis.database import Database
from chassis.errors import Conflict, Invalid, NotFound
from chassis.ids import new_id
from chassis.paging import Slice
from org_partner.crud import org_domains, orgs
from org_partner.crud.scopes import AnyScope
from org_partner.errors import DOMAIN_NEEDED, DOMAIN_NOT_FOUND, DOMAIN_TAKEN, DOMAIN_UNFIT, EMAIL_DOMAIN_REFUSED
from org_partner.models import OrgDomain
from org_partner.service import acts, permission


def normalise(domain: str) -> str:
    """As IDNA writes it in ASCII, in lower case, so that one domain has one spelling.

    Raises:
        Invalid: no address can have it.
    """
    try:
        return _in_ascii(f"x@{domain.strip().removeprefix('@').removesuffix('.')}")
    except EmailNotValidError as error:
        raise Invalid(DOMAIN_UNFIT) from error


async def check_email(session: AsyncSession, scope: AnyScope, email: str | None) -> None:
    """
    Raises:
        Invalid: the org takes members of its own domains alone, and this address is of none.
    """
    try:
        domain = _in_ascii(email) if email else ""
    except EmailNotValidError:
        domain = ""
    if not await org_domains.takes(session, scope, domain):
        raise Invalid(EMAIL_DOMAIN_REFUSED)


def _in_ascii(email: str) -> str:
    # No look-up: what an org's domain is does not hang on a name server.
    return validate_email(email, check_deliverability=False).ascii_domain.lower()


class DomainService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, caller: Principal, org_id: UUID, *, domain: str) -> OrgDomain:
        """
        Raises:
            NotFound: no such org for the caller.
            Forbidden: the caller is no supervisor: nobody may take what is another's.
            Conflict: it is an org's already.
            Invalid: no address can have it.
        """
        plain = normalise(domain)
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_org(session, caller, org_id, allowed=permission.SUPERVISE)
            added = await org_domains.add(session, scope, domain_id=new_id(), domain=plain)
            if added is None:
                raise Conflict(DOMAIN_TAKEN)
            target = f"domain/{added.domain_id}"
            await acts.record(session, caller, "domain.added", scope, target=target, domain=plain)
        return added

    async def remove(self, caller: Principal, org_id: UUID, *, domain: str) -> None:
        """
        Raises:
            NotFound: no such org for the caller, or it has no such domain.
            Forbidden: the caller is no supervisor.
            Conflict: the org limits its members to its domains, and this is the last one.
        """
        plain = normalise(domain)
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_org(session, caller, org_id, allowed=permission.SUPERVISE)
            org = await orgs.lock(session, scope)
            domain_id = await org_domains.delete_one(session, scope, plain)
            if domain_id is None:
                raise NotFound(DOMAIN_NOT_FOUND)
            if org.members_only_from_domains and not await org_domains.has_any(session, scope):
                raise Conflict(DOMAIN_NEEDED)
            target = f"domain/{domain_id}"
            await acts.record(session, caller, "domain.removed", scope, target=target, domain=plain)

    async def list_for_org(
        self, caller: Principal, org_id: UUID, page: Slice, *, domain: str | None = None
    ) -> Sequence[OrgDomain]:
        """`domain`: a part of it.

        Raises:
            NotFound: no such org for the caller.
            Forbidden: the caller does not administer the org.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_org(session, caller, org_id, allowed=permission.ADMINISTER)
            return await org_domains.list_for_org(session, scope, page, domain=domain)
