"""Who is what where: each service's own projection of org-partner's facts, and what it lets a person do.

A service keeps the two tables in its plumbing schema, feeds them from its `project_tenancy` subscriber, and asks
`access_of` before it touches anything of a tenant. Nothing here reads another service's tables.
"""
