"""What an API key may be allowed to do: a name for each area of the API and whether it reads or writes.

A person who logged in has no such limit. Areas that are not here (accounts, keys, platform) are closed to every key.
"""

READ, WRITE = "read", "write"

AREAS = (
    "orgs",
    "partners",
    "classes",
    "invite-codes",
    "enrollments",
    "documents",
    "projects",
    "agents",
    "conversations",
    "search",
    "usage",
    "vectors",
)

# Whoever may write documents may upload them in several requests.
BELONGS_TO = {"uploads": "documents"}

SCOPES = tuple(
    f"{area}:{verb}"
    for area in AREAS
    for verb in (READ, WRITE)
    if (area, verb) not in {("usage", WRITE), ("search", WRITE)}
)
