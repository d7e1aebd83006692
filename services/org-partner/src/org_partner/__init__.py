"""Orgs, partners, courses, classes, invites and enrolments: who belongs where, and with which role."""
