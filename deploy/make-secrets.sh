#!/usr/bin/env bash
# Writes the secrets of docker-compose.prod.yml to deploy/secrets, each made at random; those that exist are kept.
set -euo pipefail
cd "$(dirname "$0")"
mkdir -p secrets
chmod 700 secrets

keep_or_make() {
  [ -s "secrets/$1" ] && return
  printf '%s' "$2" >"secrets/$1"
  # Compose mounts a secret with the mode of its file, and the application does not run as the owner.
  chmod 644 "secrets/$1"
  echo "made secrets/$1"
}

random() { openssl rand -hex "$1"; }

keep_or_make jwt_secret "$(random 48)"
keep_or_make metrics_token "$(random 24)"
keep_or_make postgres_password "$(random 24)"
keep_or_make database_url "postgres://bulwark:$(cat secrets/postgres_password)@postgres:5432/bulwark"
