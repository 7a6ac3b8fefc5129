import { z } from 'zod';
import { choice, duration, flag, integer, list, parsed, pemKeys, size } from '../notations.js';
import { privateKey, randomSecret, retiredSecrets, urlPassword } from '../secrets.js';
import { httpUrl } from '../server-urls.js';
import { variable } from '../variable.js';

export const auditVariables = {
  AUDIT_BATCH_SIZE: variable({
    schema: integer(1, 10_000),
    default: '100',
    description: 'Audit events that are written together.',
    setting: 'audit.batchSize',
  }),
  AUDIT_FLUSH_INTERVAL: variable({
    schema: duration(),
    default: '5s',
    description: 'Longest wait of an audit event before it is written.',
    setting: 'audit.flushIntervalMs',
  }),
  AUDIT_JOURNAL_DIR: variable({
    schema: z.string(),
    description: 'Folder of the journal of audit events. Unset: audit-journal in DATA_DIR.',
  }),
  AUDIT_JOURNAL_MAX_SIZE: variable({
    schema: size('1mb', '1024gb'),
    default: '256mb',
    description: 'Largest size of the journal of audit events.',
    setting: 'audit.journalMaxBytes',
  }),
  AUDIT_API_REQUESTS: variable({
    schema: choice('all', 'mutating', 'none'),
    default: 'none',
    description: 'Requests that are recorded as api.request: all, only those that change data (mutating), or none.',
    setting: 'audit.requests',
  }),
  AUDIT_SINK_DIR: variable({
    schema: z.string(),
    description: 'Folder that audit events are copied to, as files of JSON lines.',
    setting: 'audit.sinkDir',
  }),
  AUDIT_SINK_REDIS_STREAM: variable({
    schema: z.string(),
    description: 'Redis stream that audit events are copied to; needs REDIS_URL.',
    setting: 'audit.sinkRedisStream',
  }),
  AUDIT_SEAL_SECRET: variable({
    schema: z.string(),
    description: 'Key of the seals of audit events (openssl rand -base64 48).',
    secret: randomSecret('audit events could be forged'),
    setting: 'audit.sealSecret',
  }),
  AUDIT_SEAL_OLD_SECRETS: variable({
    schema: list,
    default: '',
    description:
      'Earlier values of AUDIT_SEAL_SECRET, separated by commas; none stands for a time without one. They still verify.',
    secret: retiredSecrets('audit events of that time could be forged'),
    setting: 'audit.oldSealSecrets',
  }),
  AUDIT_SIGNING_KEY: variable({
    schema: z.string(),
    description: 'PEM Ed25519 private key that signs audit digests. Unset: a key derived from AUDIT_SEAL_SECRET.',
    secret: privateKey('audit digests could be forged'),
    setting: 'audit.signingKey',
  }),
  AUDIT_SIGNING_OLD_KEYS: variable({
    schema: pemKeys,
    default: '',
    description: 'PEM Ed25519 public keys of earlier signing keys, one after the other. They still verify.',
    setting: 'audit.oldSigningKeys',
  }),
  AUDIT_DIGEST_INTERVAL: variable({
    schema: duration('1s'),
    default: '1h',
    description: 'Pause between two digests of the audit trail.',
    setting: 'audit.digestIntervalMs',
  }),
  AUDIT_DIGEST_DIR: variable({
    schema: z.string(),
    description: 'Folder of the audit digests. Unset: audit-digests in DATA_DIR.',
  }),
  AUDIT_DIGEST_BUCKET: variable({
    schema: parsed(httpUrl),
    description:
      'Bucket of the audit digests instead of a folder: https://KEY:SECRET@endpoint/bucket/prefix?region=eu-central-1.',
    secret: urlPassword('audit digests could be forged'),
    setting: 'audit.digestBucket',
  }),
  AUDIT_LOG_ID: variable({
    schema: z.uuid(),
    description: 'Id of the audit trail, as nest-bulwark audit verify prints it. Unset: the id in the digest store.',
    setting: 'audit.logId',
  }),
  AUDIT_DIGEST_ADOPT: variable({
    schema: flag,
    default: 'false',
    description:
      'Lets an empty digest store take the digests of the database, as a new replica with its own folder needs.',
    setting: 'audit.adoptDigests',
  }),
  AUDIT_RETENTION_DAYS: variable({
    schema: integer(1, 36_500),
    description: 'Days that audit events are kept; whole months are dropped. Unset: they are kept forever.',
    setting: 'audit.retentionDays',
  }),
};
