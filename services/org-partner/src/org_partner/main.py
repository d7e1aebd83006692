"""org-partner's HTTP door."""

from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from chassis import app
from org_partner.api import (
    activities,
    classes,
    courses,
    dashboards,
    domains,
    enrollments,
    invitations,
    invite_codes,
    llm_settings,
    materials,
    members,
    orgs,
    partners,
    settlement_policies,
    students,
)
from org_partner.config import Settings
from org_partner.factory import wire


def create_app(settings: Settings | None = None, *, registry: CollectorRegistry | None = None) -> FastAPI:
    settings = settings or Settings()
    wired = wire(settings)

    return app.create_app(
        service="org_partner",
        title="GrowFit org-partner",
        routers=[
            module.router
            for module in (
                orgs,
                members,
                domains,
                invitations,
                partners,
                courses,
                classes,
                materials,
                invite_codes,
                students,
                enrollments,
                llm_settings,
                settlement_policies,
                activities,
                dashboards,
            )
        ],
        access=wired.access,
        wired=wired,
        database=wired.database,
        registry=registry,
    )
