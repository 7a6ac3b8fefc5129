import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { AuditOutcome, AuditSeverity } from '../common/index.js';

/** One recorded event. Rows are only ever added. */
@Entity('audit_events')
export class AuditEvent {
  /** UUIDv7, so that ids follow the order of recording. */
  @PrimaryColumn('uuid')
  id!: string;

  @Column('timestamptz', { name: 'occurred_at' })
  occurredAt!: Date;

  @Column('text')
  action!: string;

  @Column('text')
  outcome!: AuditOutcome;

  @Column('text')
  severity!: AuditSeverity;

  @Column('text', { name: 'actor_id', nullable: true })
  actorId!: string | null;

  @Column('text', { nullable: true })
  target!: string | null;

  @Column('text', { name: 'request_id', nullable: true })
  requestId!: string | null;

  @Column('text', { nullable: true })
  address!: string | null;

  @Column('text', { name: 'user_agent', nullable: true })
  userAgent!: string | null;

  @Column('text', { nullable: true })
  route!: string | null;

  @Column('jsonb')
  metadata!: object;
}
