/** The users and sessions for the tokens of a scenario, so that the check of the session is measured too. */
export const CLIENTS = `
  INSERT INTO users (id, email, name, password_hash, roles)
  SELECT ('00000000-0000-4000-8000-' || lpad(i::text, 12, '0'))::uuid, 'user' || i || '@example.com', 'Bench', '-', '{User}'
  FROM generate_series(0, 999) AS i`;

export const SESSIONS = `
  INSERT INTO auth_sessions (id, user_id, refresh_hash, created_at, last_used_at, expires_at)
  SELECT ('00000000-0000-4000-a000-' || lpad(i::text, 12, '0'))::uuid,
         ('00000000-0000-4000-8000-' || lpad(i::text, 12, '0'))::uuid, '-', now(), now(), now() + interval '1 day'
  FROM generate_series(0, 999) AS i`;
