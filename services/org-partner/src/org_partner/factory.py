"""The one place that puts the services together."""

from dataclasses import dataclass

from chassis.access import Access, projected_access
from chassis.database import Database
from chassis.mail import MailQueue, mailer
from chassis.sealing import Sealer
from org_partner.adapters.provider_httpx import HttpxProvider
from org_partner.adapters.resolver_system import SystemResolver
from org_partner.config import Settings
from org_partner.models import ACCESS, MAILS, PLUMBING
from org_partner.ports import Provider, Resolver
from org_partner.service.acceptances import AcceptanceService
from org_partner.service.activities import ActivityService
from org_partner.service.activity_logs import ActivityLogService
from org_partner.service.attendance import AttendanceService
from org_partner.service.classes import ClassService
from org_partner.service.courses import CourseService
from org_partner.service.dashboards import DashboardService
from org_partner.service.documents import DocumentService
from org_partner.service.domains import DomainService
from org_partner.service.enrollments import EnrollmentService
from org_partner.service.erasures import ErasureService
from org_partner.service.invitations import InvitationService
from org_partner.service.invite_codes import InviteCodeService
from org_partner.service.llm_addresses import Addresses
from org_partner.service.llm_connections import LlmConnectionService
from org_partner.service.llm_keys import LlmKeys, LlmKeyService
from org_partner.service.llm_settings import LlmSettingsService
from org_partner.service.materials import MaterialService
from org_partner.service.members import MemberService
from org_partner.service.orgs import OrgService
from org_partner.service.partners import PartnerService
from org_partner.service.periods import PeriodService
from org_partner.service.redemptions import RedemptionService
from org_partner.service.roster_imports import RosterImportService
from org_partner.service.rosters import RosterService
from org_partner.service.settlement_policies import SettlementPolicyService
from org_partner.service.users import UserService


@dataclass(frozen=True)
class Wired:
    database: Database
    orgs: OrgService
    members: MemberService
    domains: DomainService
    invitations: InvitationService
    acceptances: AcceptanceService
    partners: PartnerService
    courses: CourseService
    classes: ClassService
    periods: PeriodService
    materials: MaterialService
    documents: DocumentService
    invite_codes: InviteCodeService
    redemptions: RedemptionService
    enrollments: EnrollmentService
    attendance: AttendanceService
    rosters: RosterService
    roster_imports: RosterImportService
    users: UserService
    erasures: ErasureService
    activities: ActivityService
    activity_logs: ActivityLogService
    dashboards: DashboardService
    settlement_policies: SettlementPolicyService
    llm_settings: LlmSettingsService
    llm_connections: LlmConnectionService
    llm_keys: LlmKeyService
    mails: MailQueue
    access: Access


def wire(settings: Settings, *, resolver: Resolver | None = None, provider: Provider | None = None) -> Wired:
    """`resolver`, `provider`: the ways out to LLM providers, where a test has its own."""
    database = Database(settings.database_url, PLUMBING, pool_size=settings.database_pool_size)
    sealer = Sealer(settings.key_encryption_key.get_secret_value())
    mails = MailQueue(database, MAILS, sealer=sealer, mailer=mailer(settings.mail_url), sender=settings.mail_from)
    llm_keys = LlmKeys(sealer)
    addresses = Addresses(
        resolver or SystemResolver(),
        allowed_hosts=settings.llm_allowed_hosts,
        private_allowed=settings.llm_private_addresses == "allow",
    )
    invitations = InvitationService(database, mails, public_url=settings.public_url)
    return Wired(
        database=database,
        orgs=OrgService(database),
        members=MemberService(database),
        domains=DomainService(database),
        invitations=invitations,
        acceptances=AcceptanceService(database),
        partners=PartnerService(database, invitations),
        courses=CourseService(database),
        classes=ClassService(database),
        periods=PeriodService(database),
        materials=MaterialService(database),
        documents=DocumentService(database),
        invite_codes=InviteCodeService(database, public_url=settings.public_url),
        redemptions=RedemptionService(database),
        enrollments=EnrollmentService(database),
        attendance=AttendanceService(database),
        rosters=RosterService(database),
        roster_imports=RosterImportService(database, mails, public_url=settings.public_url),
        users=UserService(database),
        erasures=ErasureService(database),
        activities=ActivityService(database),
        activity_logs=ActivityLogService(database),
        dashboards=DashboardService(database),
        settlement_policies=SettlementPolicyService(database),
        llm_settings=LlmSettingsService(database, addresses, llm_keys),
        llm_connections=LlmConnectionService(database, addresses, llm_keys, provider or HttpxProvider()),
        llm_keys=LlmKeyService(database, llm_keys),
        mails=mails,
        access=projected_access(settings, database, ACCESS),
    )
