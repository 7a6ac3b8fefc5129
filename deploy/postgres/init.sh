#!/bin/sh
# The PostgreSQL container runs this once, when it initialises its data folder. It creates the roles of the application.
set -eu
setting() { printf -- "-c bulwark.%s=%s " "$1" "$(cat "/run/secrets/$2")"; }
PGOPTIONS="$(setting owner_password database_owner_password)$(setting app_password database_app_password)"
export PGOPTIONS
psql --no-psqlrc --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" --file /etc/bulwark/roles.sql
