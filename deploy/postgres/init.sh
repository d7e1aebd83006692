#!/usr/bin/env bash
# Makes the database ready for the migrations: roles, database, schemas, the vector extension, who may connect.
# Idempotent: run it at every start; it also renews the passwords. The tables and their grants come from Alembic.
#
# Reaches the server as a superuser through libpq's own variables (PGHOST PGPORT PGUSER PGPASSWORD) and reads
#   GROWFIT_DATABASE (default growfit), MIGRATOR_PASSWORD, IDENTITY_DB_PASSWORD, ORG_PARTNER_DB_PASSWORD,
#   INGEST_DB_PASSWORD, RAG_DB_PASSWORD, USAGE_METRICS_DB_PASSWORD, VECTOR_WRITER_PASSWORD, VECTOR_READER_PASSWORD.
# PSQL names another psql than the one on PATH.
set -euo pipefail

export GROWFIT_DATABASE=${GROWFIT_DATABASE:-growfit}
psql=("${PSQL:-psql}" --no-psqlrc --quiet --set ON_ERROR_STOP=1)

# role, the variable with its password, the schemas that it may enter. The first one is its search_path.
roles="
growfit_migrator  MIGRATOR_PASSWORD          public
identity          IDENTITY_DB_PASSWORD       identity,user,supervisor
org_partner       ORG_PARTNER_DB_PASSWORD    org_partner,partner
ingest            INGEST_DB_PASSWORD         ingest,user
rag               RAG_DB_PASSWORD            rag,user
usage_metrics     USAGE_METRICS_DB_PASSWORD  usage_metrics,partner,supervisor
vector_writer     VECTOR_WRITER_PASSWORD     vector
vector_reader     VECTOR_READER_PASSWORD     vector
"
owned_by_migrator=(supervisor partner user identity org_partner ingest rag usage_metrics)

cluster_sql() {
    local role variable schemas
    while read -r role variable schemas; do
        [ -n "$role" ] || continue
        [ -n "${!variable:-}" ] || { echo "init.sh: $variable is not set" >&2; return 1; }
        # \getenv keeps the password out of the process list.
        cat <<SQL
\\getenv password $variable
SELECT 'CREATE ROLE $role' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '$role') \\gexec
ALTER ROLE $role LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD :'password';
SQL
    done <<<"$roles"
    cat <<'SQL'
\getenv database GROWFIT_DATABASE
SELECT format('CREATE DATABASE %I', :'database')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database') \gexec
SQL
}

database_sql() {
    local role variable schemas schema
    cat <<'SQL'
\getenv database GROWFIT_DATABASE
SET client_min_messages = warning;
BEGIN;
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
CREATE EXTENSION IF NOT EXISTS vector WITH SCHEMA public;
CREATE SCHEMA IF NOT EXISTS vector AUTHORIZATION vector_writer;
ALTER DEFAULT PRIVILEGES FOR ROLE vector_writer IN SCHEMA vector GRANT SELECT ON TABLES TO vector_reader;
SQL
    for schema in "${owned_by_migrator[@]}"; do
        echo "CREATE SCHEMA IF NOT EXISTS \"$schema\" AUTHORIZATION growfit_migrator;"
    done
    while read -r role variable schemas; do
        [ -n "$role" ] || continue
        echo "GRANT CONNECT, TEMPORARY ON DATABASE :\"database\" TO $role;"
        echo "GRANT USAGE ON SCHEMA public TO $role;"
        for schema in ${schemas//,/ }; do echo "GRANT USAGE ON SCHEMA \"$schema\" TO $role;"; done
        # Extension types live in public; everything else is named with its schema.
        schema=${schemas%%,*}
        [ "$schema" = public ] || schema="$schema, public"
        echo "ALTER ROLE $role SET search_path = $schema;"
    done <<<"$roles"
    echo "COMMIT;"
}

sql=$(cluster_sql)
"${psql[@]}" --dbname postgres <<<"$sql"
sql=$(database_sql)
"${psql[@]}" --dbname "$GROWFIT_DATABASE" <<<"$sql"
