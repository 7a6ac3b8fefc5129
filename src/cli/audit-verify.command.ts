import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { auditOptions } from '../app.module.js';
import { AuditModule, AuditVerifier, type Verification, type VerifyOptions } from '../audit/index.js';
import { loadConfig, readEnvironment } from '../config/index.js';
import { DatabaseModule, stopEmbeddedServers } from '../database/index.js';
import { migrations } from '../migrations.js';
import { defineCommand, UsageError } from './command.js';

export const command = defineCommand({
  options: {
    tenant: { type: 'string', argument: 'TENANT', describes: 'only the chain of this tenant; "" is that of no tenant' },
    from: { type: 'string', argument: 'TIME', describes: 'begins with what was sealed then, such as 2026-01-31' },
    json: { type: 'boolean', describes: 'prints the result as JSON' },
  },
  details:
    'Recomputes the hash chains and compares them with the digests kept outside of the database. Ends with 0 when all is ' +
    'as it was sealed, 1 when something was changed, 64 for a wrong command line, 69 when the database cannot be used.',
  async run({ tenant, from, json = false }) {
    const options: VerifyOptions = {
      ...(tenant !== undefined && { tenant }),
      ...(from !== undefined && { from: timeOf(from) }),
    };
    const found = await verify(options);
    console.log(json ? JSON.stringify(found, undefined, 2) : sentenceOf(found));
    return found.valid ? 0 : 1;
  },
});

function timeOf(text: string): Date {
  const time = new Date(text);
  if (/^\d{4}-\d{2}-\d{2}/.test(text) && !Number.isNaN(time.getTime())) return time;
  throw new UsageError(`"${text}" is not a time such as 2026-01-31 or 2026-01-31T12:00:00Z.`);
}

async function verify(options: VerifyOptions): Promise<Verification> {
  const { config } = loadConfig(readEnvironment());
  @Module({
    imports: [
      // One look that may take long: no limit of a statement.
      DatabaseModule.forRoot({ ...config.database, poolMin: 0, poolMax: 2, statementTimeoutMs: 0, migrations }),
      AuditModule.forRoot({
        ...auditOptions(config),
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

function sentenceOf({ valid, verified, dropped, unsealed, digests, log, heads, fault }: Verification): string {
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
