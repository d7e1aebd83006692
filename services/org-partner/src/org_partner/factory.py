"""The one place that puts the services together."""

from dataclasses import dataclass

from chassis.access import Access, projected_access
from chassis.database import Database
from org_partner.config import Settings
from org_partner.models import ACCESS, PLUMBING
from org_partner.service.classes import ClassService
from org_partner.service.courses import CourseService
from org_partner.service.enrollments import EnrollmentService
from org_partner.service.invite_codes import InviteCodeService
from org_partner.service.orgs import OrgService
from org_partner.service.partners import PartnerService
from org_partner.service.redemptions import RedemptionService
from org_partner.service.users import UserService


@dataclass(frozen=True)
class Wired:
    database: Database
    orgs: OrgService
    partners: PartnerService
    courses: CourseService
    classes: ClassService
    invite_codes: InviteCodeService
    redemptions: RedemptionService
    enrollments: EnrollmentService
    users: UserService
    access: Access


def wire(settings: Settings) -> Wired:
    database = Database(settings.database_url, PLUMBING, pool_size=settings.database_pool_size)
    return Wired(
        database=database,
        orgs=OrgService(database),
        partners=PartnerService(database),
        courses=CourseService(database),
        classes=ClassService(database),
        invite_codes=InviteCodeService(database),
        redemptions=RedemptionService(database),
        enrollments=EnrollmentService(database),
        users=UserService(database),
        access=projected_access(settings, database, ACCESS),
    )
