#!/usr/bin/env bash
# Writes random secrets for docker-compose.prod.yml to deploy/secrets. Existing secrets are not changed.
set -euo pipefail
cd "$(dirname "$0")"
mkdir -p secrets
chmod 700 secrets

keep_or_make() {
  [ -s "secrets/$1" ] && return
  printf '%s' "$2" >"secrets/$1"
  # Compose mounts a secret with the mode of its file, and the application does not run as the owner of the file.
  chmod 644 "secrets/$1"
  echo "created secrets/$1"
}

random() { openssl rand -hex "$1"; }

for secret in jwt_secret password_pepper auth_encryption_keys audit_seal_secret; do
  keep_or_make "$secret" "$(random 48)"
done
for secret in metrics_token postgres_password database_owner_password database_app_password redis_password; do
  keep_or_make "$secret" "$(random 24)"
done
keep_or_make database_url "postgres://bulwark_app:$(cat secrets/database_app_password)@postgres:5432/bulwark"
keep_or_make database_migration_url "postgres://bulwark_owner:$(cat secrets/database_owner_password)@postgres:5432/bulwark"
keep_or_make redis_url "redis://:$(cat secrets/redis_password)@redis:6379"
