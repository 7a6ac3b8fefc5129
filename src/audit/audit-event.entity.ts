import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { AuditOutcome, AuditSeverity } from '../ports/index.js';

/** One recorded event. Rows are added, and never changed. @publicApi */
@Entity('audit_events', { synchronize: false })
export class AuditEvent {
  /** A UUIDv7. Ids therefore have the order of recording. */
  @PrimaryColumn('uuid')
  id!: string;

  @Column('timestamptz', { name: 'occurred_at' })
  occurredAt!: Date;

  /** Time at which the database stored the event. */
  @Column('timestamptz', { name: 'recorded_at' })
  recordedAt!: Date;

  @Column('text')
  action!: string;

  @Column('text')
  outcome!: AuditOutcome;

  @Column('text')
  severity!: AuditSeverity;

  @Column('text', { name: 'actor_id', nullable: true })
  actorId!: string | null;

  @Column('text', { name: 'tenant_id', nullable: true })
  tenantId!: string | null;

  /** The first element of `targets`. */
  @Column('text', { nullable: true })
  target!: string | null;

  @Column('text', { array: true })
  targets!: string[];

  @Column('text', { name: 'request_id', nullable: true })
  requestId!: string | null;

  @Column('text', { name: 'trace_id', nullable: true })
  traceId!: string | null;

  @Column('text', { nullable: true })
  address!: string | null;

  @Column('text', { name: 'user_agent', nullable: true })
  userAgent!: string | null;

  @Column('text', { nullable: true })
  route!: string | null;

  @Column('text', { name: 'idempotency_key', nullable: true })
  idempotencyKey!: string | null;

  /** Schema version of the action; null if the action has no schema or the metadata do not match it. */
  @Column('smallint', { name: 'schema_version', nullable: true })
  schemaVersion!: number | null;

  @Column('jsonb')
  metadata!: object;
}
