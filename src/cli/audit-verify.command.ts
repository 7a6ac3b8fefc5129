import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { createAuditOptions } from '../from-environment.js';
import { AuditModule, AuditVerifier, type Verification, type VerifyOptions } from '../audit/index.js';
import { loadConfig, readEnvironment } from '../config/index.js';
import { DatabaseModule, stopEmbeddedServers } from '../database/index.js';
import { migrations } from '../migrations.js';
import { defineCommand, UsageError } from './command.js';

export const command = defineCommand({
  options: {
    tenant: {
      type: 'string',
      argument: 'TENANT',
      description: 'verifies only the chain of this tenant. "" is the chain without a tenant',
    },
    from: {
      type: 'string',
      argument: 'TIME',
      description: 'verifies only what was sealed since this time, such as 2026-01-31',
    },
    json: { type: 'boolean', description: 'prints the result as JSON' },
  },
  details:
    'Recomputes the hash chains and compares them with the digests outside the database. Exit codes: 0 if nothing was ' +
    'changed, 1 if something was changed, 64 for a wrong command line, 69 if the database cannot be used.',
  async run({ tenant, from, json = false }) {
    const options: VerifyOptions = {
      ...(tenant !== undefined && { tenant }),
      ...(from !== undefined && { from: parseTime(from) }),
    };
    const found = await verify(options);
    console.log(json ? JSON.stringify(found, undefined, 2) : formatVerification(found));
    return found.valid ? 0 : 1;
  },
});

function parseTime(text: string): Date {
  const time = new Date(text);
  if (/^\d{4}-\d{2}-\d{2}/.test(text) && !Number.isNaN(time.getTime())) return time;
  throw new UsageError(`"${text}" is not a valid time. Write it like 2026-01-31 or 2026-01-31T12:00:00Z.`);
}

async function verify(options: VerifyOptions): Promise<Verification> {
  const { config } = loadConfig(readEnvironment());
  @Module({
    imports: [
      // The verification may take long, so it has no statement timeout.
      DatabaseModule.forRoot({ ...config.database, poolMin: 0, poolMax: 2, statementTimeoutMs: 0, migrations }),
      AuditModule.forRoot({
        ...createAuditOptions(config),
        journalDir: undefined,
        sealIntervalMs: 0,
        maintenanceIntervalMs: 0,
      }),
    ],
  })
  class VerifyingModule {}
  try {
    const app = await NestFactory.createApplicationContext(VerifyingModule, {
      logger: ['error', 'warn'],
      abortOnError: false,
    });
    try {
      return await app.get(AuditVerifier).verify(options);
    } finally {
      await app.close();
    }
  } finally {
    await stopEmbeddedServers();
  }
}

function formatVerification({ valid, verified, dropped, unsealed, digests, log, heads, fault }: Verification): string {
  const seen = `trail ${log}, ${verified} events of ${heads.length} chains verified, ${dropped} dropped by retention, ${unsealed} not sealed yet, ${digests} digests`;
  if (valid || !fault) return `valid: ${seen}`;
  const { kind, tenant, seq, eventId, detail } = fault;
  const at = [
    `tenant ${JSON.stringify(tenant)}`,
    ...(seq === undefined ? [] : [`seal ${seq}`]),
    ...(eventId === undefined ? [] : [`event ${eventId}`]),
    ...(detail === undefined ? [] : [detail]),
  ];
  return `TAMPERED: ${kind}: ${at.join(', ')}\n${seen}`;
}
