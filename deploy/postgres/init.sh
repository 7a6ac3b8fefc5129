#!/bin/sh
# Runs once, when the container of PostgreSQL makes its data folder: makes the roles of the application.
set -eu
setting() { printf -- "-c bulwark.%s=%s " "$1" "$(cat "/run/secrets/$2")"; }
PGOPTIONS="$(setting owner_password database_owner_password)$(setting app_password database_app_password)"
export PGOPTIONS
psql --no-psqlrc --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" --file /etc/bulwark/roles.sql
