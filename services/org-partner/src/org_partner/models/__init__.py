"""org-partner's tables. Importing this package knows them all, which migrations need."""

from org_partner.models.activities import Activity
from org_partner.models.base import ACCESS, DOMAIN, MAILS, PLUMBING, SCHEMA, Base
from org_partner.models.class_activity_daily import ClassActivityDaily
from org_partner.models.class_materials import ClassMaterial
from org_partner.models.classes import Class
from org_partner.models.courses import Course
from org_partner.models.documents import Document
from org_partner.models.enrollment_changes import EnrollmentChange
from org_partner.models.enrollments import Enrollment
from org_partner.models.guessing_sources import GuessingSource
from org_partner.models.invitations import Invitation
from org_partner.models.invite_codes import InviteCode
from org_partner.models.llm_settings import LlmSettings
from org_partner.models.memberships import Membership
from org_partner.models.org_domains import OrgDomain
from org_partner.models.orgs import Org
from org_partner.models.partners import Partner
from org_partner.models.refused_redemptions import RefusedRedemption
from org_partner.models.sent_letters import SentLetter
from org_partner.models.settlement_policies import SettlementPolicy
from org_partner.models.students import Student
from org_partner.models.users import APP_USER, User

__all__ = [
    "ACCESS",
    "APP_USER",
    "DOMAIN",
    "MAILS",
    "PLUMBING",
    "SCHEMA",
    "Activity",
    "Base",
    "Class",
    "ClassActivityDaily",
    "ClassMaterial",
    "Course",
    "Document",
    "Enrollment",
    "EnrollmentChange",
    "GuessingSource",
    "Invitation",
    "InviteCode",
    "LlmSettings",
    "Membership",
    "Org",
    "OrgDomain",
    "Partner",
    "RefusedRedemption",
    "SentLetter",
    "SettlementPolicy",
    "Student",
    "User",
]
