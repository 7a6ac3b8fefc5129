import { join } from 'node:path';
import { mailConnection, requiresTls } from './transport-security.js';
import type { Variables } from './variables.js';

const isProduction = (values: Variables) => values.NODE_ENV === 'production';

/** 0.0.0.0 is every IPv4 address of the machine, 127.0.0.1 only the machine itself. */
const defaultHost = (values: Variables) => (isProduction(values) ? '0.0.0.0' : '127.0.0.1');

/** The settings that depend on more than one variable, by their paths in AppConfig. */
export const DERIVED_SETTINGS = {
  isProduction,
  'http.host': (values: Variables) => values.HOST ?? defaultHost(values),
  'http.managementHost': (values: Variables) => values.MANAGEMENT_HOST ?? defaultHost(values),
  'database.allowEmbedded': (values: Variables) => !isProduction(values) || values.DATABASE_EMBEDDED_IN_PRODUCTION,
  /** Unset: tokens are in bodies only. */
  'auth.cookies': (values: Variables) =>
    values.AUTH_COOKIES === 'off'
      ? undefined
      : { sameSite: values.AUTH_COOKIES, trustedOrigins: values.CORS_CREDENTIALS ? values.CORS_ORIGINS : [] },
  'auth.admin': (values: Variables) =>
    values.ADMIN_EMAIL && values.ADMIN_PASSWORD
      ? { email: values.ADMIN_EMAIL, password: values.ADMIN_PASSWORD }
      : undefined,
  /** Whether a server without TLS is refused. */
  'mail.requireTls': (values: Variables) =>
    values.MAIL_URL !== undefined &&
    requiresTls(values.MAIL_TLS, isProduction(values), mailConnection(values.MAIL_URL)),
  'audit.journalDir': (values: Variables) => values.AUDIT_JOURNAL_DIR ?? join(values.DATA_DIR, 'audit-journal'),
  'audit.digestDir': (values: Variables) => values.AUDIT_DIGEST_DIR ?? join(values.DATA_DIR, 'audit-digests'),
  'shutdown.drainDelayMs': (values: Variables) => values.SHUTDOWN_DRAIN_DELAY ?? (isProduction(values) ? 5_000 : 0),
  'productionTest.enabled': (values: Variables) => values.PRODUCTION_TEST_ENABLED ?? !isProduction(values),
};

export type DerivedSettings = {
  [Path in keyof typeof DERIVED_SETTINGS]: ReturnType<(typeof DERIVED_SETTINGS)[Path]>;
};
