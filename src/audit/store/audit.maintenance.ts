import { Inject, Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource, type EntityManager } from 'typeorm';
import { tryWithAdvisoryLock } from '../../database/index.js';
import { PeriodicTasks } from '../../periodic-tasks/index.js';
import { AUDIT_SETTINGS, type AuditSettings } from '../audit.options.js';
import { AuditDigests } from '../integrity/audit.digests.js';
import { AuditRetention } from './audit.retention.js';
import { SEE_ALL } from './audit.scope.js';
import { EVENTS, makePartitions, missingPartitions, SEALS } from './partitions.js';

/** Months ahead that the owner of the tables makes, who may not come by every month. */
const OWNER_MONTHS_AHEAD = 12;

const ASK_OWNER = 'run nest-bulwark migrate with the login that owns the tables in DATABASE_MIGRATION_URL';

/** What is done from time to time, by one replica for all. */
type Task = 'partitions' | 'retention' | 'digests';

/**
 * Makes partitions before they are needed, drops those that nobody needs any more, and has digests made. What fails is
 * tried again and costs no event: those of a month without a partition go to the default one.
 */
@Injectable()
export class AuditMaintenance implements OnModuleInit {
  /** What failed at its last try, and why. */
  readonly failures = new Map<Task, string>();
  private readonly logger = new Logger('Audit');

  constructor(
    @InjectDataSource() private readonly source: DataSource,
    @Inject(AUDIT_SETTINGS) private readonly settings: AuditSettings,
    private readonly retention: AuditRetention,
    private readonly digests: AuditDigests,
    tasks: PeriodicTasks,
  ) {
    const { maintenanceIntervalMs, digestIntervalMs } = settings;
    if (maintenanceIntervalMs === 0) return;
    const everyMs = Math.min(maintenanceIntervalMs, digestIntervalMs);
    tasks.add({ name: 'audit-maintenance', everyMs, runAtStart: true, run: () => this.runOrThrow() });
  }

  async onModuleInit(): Promise<void> {
    if (this.settings.maintenanceIntervalMs > 0) await this.attempt('partitions', () => this.makePartitions());
  }

  /** Everything that is due. Never throws; what failed is in {@link failures}. */
  async run(now = new Date()): Promise<void> {
    await this.attempt('partitions', () => this.makePartitions(now));
    await this.attempt('retention', () => this.dropPartitions(now));
    await this.attempt('digests', () => this.digests.run());
  }

  /**
   * What only the owner of the tables may do, for a job beside applications that log in as somebody else: partitions for
   * a year, and retention.
   *
   * @throws what failed
   */
  async runAsOwner(now = new Date()): Promise<void> {
    await this.makePartitions(now, OWNER_MONTHS_AHEAD);
    await this.dropPartitions(now);
  }

  private makePartitions(now = new Date(), monthsAhead?: number): Promise<void> {
    return this.tryWithLock(async (manager) => {
      const isOwner = await this.isOwner(manager);
      for (const monthly of [EVENTS, SEALS]) {
        if (!isOwner) await assertPartitions(manager, monthly, now);
        else {
          const names = await makePartitions(manager, monthly, now, monthsAhead);
          if (names.length > 0) this.logger.log(`made the audit partitions ${names.join(', ')}`);
        }
      }
    });
  }

  private dropPartitions(now: Date): Promise<void> {
    return this.tryWithLock(async (manager) => {
      if (await this.isOwner(manager)) return this.retention.run(manager, now);
      if (await this.retention.isDue(manager, now))
        throw new Error(`audit partitions are past retention: ${ASK_OWNER}`);
    });
  }

  private async isOwner(manager: EntityManager): Promise<boolean> {
    const [row] = (await manager.query(
      `SELECT pg_has_role(current_user, relowner, 'USAGE') AS "isOwner" FROM pg_class WHERE oid = 'audit_events'::regclass`,
    )) as { isOwner: boolean }[];
    return row?.isOwner === true;
  }

  private async runOrThrow(): Promise<void> {
    await this.run();
    const failures = [...this.failures].map(([task, reason]) => `${task}: ${reason}`);
    if (failures.length > 0) throw new Error(failures.join('; '));
  }

  /** Of many replicas the first does it; the others have nothing to do. */
  private async tryWithLock(work: (manager: EntityManager) => Promise<void>): Promise<void> {
    await tryWithAdvisoryLock(this.source, 'audit-maintenance', async (manager) => {
      await manager.query(`SELECT ${SEE_ALL}`);
      await work(manager);
    });
  }

  private async attempt(task: Task, work: () => Promise<void>): Promise<void> {
    try {
      await work();
      this.failures.delete(task);
    } catch (error) {
      this.failures.set(task, error instanceof Error ? error.message : String(error));
    }
  }
}

async function assertPartitions(manager: EntityManager, monthly: typeof EVENTS, now: Date): Promise<void> {
  const missing = await missingPartitions(manager, monthly, now);
  if (missing.length > 0) throw new Error(`the audit partitions ${missing.join(', ')} are missing: ${ASK_OWNER}`);
}
