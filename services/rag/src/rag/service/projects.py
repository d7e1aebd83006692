"""Projects: a person's folders. What is in one says ingest of documents, and each conversation of itself."""

from uuid import UUID

from chassis import audit, outbox, tenant
from chassis.auth import Principal
from chassis.clock import now
from chassis.database import Database
from chassis.errors import SESSION_ENDED, Conflict, NotFound, Unauthenticated
from chassis.ids import new_id
from chassis.paging import Slice
from contracts.rag import ProjectCreated, ProjectDeleted
from contracts.tenancy import Tenant
from rag.crud import erased_users, projects
from rag.errors import PROJECT_NOT_FOUND, PROJECTS_FULL
from rag.models import Project

MAX_PROJECTS = 200
# It has no other facts than its beginning and its end.
_CREATED, _DELETED = 1, 2


class ProjectService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, user_id: UUID, *, name: str) -> Project:
        """
        Raises:
            Conflict: they have as many as one may have.
            Unauthenticated: the user was erased meanwhile.
        """
        async with self._database.transaction(tenant.of_user(user_id)) as session:
            if await erased_users.is_erased(session, user_id):
                raise Unauthenticated(SESSION_ENDED, headers={"WWW-Authenticate": "Bearer"})
            if await projects.count_to_add(session, user_id) >= MAX_PROJECTS:
                raise Conflict(PROJECTS_FULL, limit=MAX_PROJECTS)
            made = await projects.add(session, project_id=new_id(), owner_id=user_id, name=name)
            facts = {"project_id": made.project_id, "tenant": Tenant(user_id=user_id), "version": _CREATED}
            await outbox.add(session, ProjectCreated(**facts, created_at=now()))
        return made

    async def get(self, user_id: UUID, project_id: UUID) -> Project:
        """Raises NotFound."""
        async with self._database.transaction(tenant.of_user(user_id)) as session:
            found = await projects.get(session, project_id, owner_id=user_id)
        if found is None:
            raise NotFound(PROJECT_NOT_FOUND)
        return found

    async def list_page(self, user_id: UUID, page: Slice, *, name: str | None) -> list[Project]:
        async with self._database.transaction(tenant.of_user(user_id)) as session:
            return await projects.list_page(session, page, owner_id=user_id, name=name)

    async def rename(self, user_id: UUID, project_id: UUID, *, name: str | None) -> Project:
        """`name` None: as it is. Raises NotFound."""
        async with self._database.transaction(tenant.of_user(user_id)) as session:
            found = await projects.get_for_update(session, project_id, owner_id=user_id)
            if found is None:
                raise NotFound(PROJECT_NOT_FOUND)
            found.name = name or found.name
        return found

    async def delete(self, caller: Principal, project_id: UUID) -> None:
        """Its documents and conversations stay, outside it. Raises NotFound."""
        async with self._database.transaction(tenant.of_user(caller.user_id)) as session:
            if not await projects.delete_one(session, project_id, owner_id=caller.user_id):
                raise NotFound(PROJECT_NOT_FOUND)
            facts = {"project_id": project_id, "tenant": Tenant(user_id=caller.user_id), "version": _DELETED}
            await outbox.add(session, ProjectDeleted(**facts, deleted_at=now()))
            await audit.record(session, "project.deleted", actor=caller, target=f"project/{project_id}")
