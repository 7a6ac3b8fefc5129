import { Inject, Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { InjectModuleDataSource, tryWithAdvisoryLock } from '../../database/index.js';
import { PeriodicTasks } from '../../periodic-tasks/index.js';
import { AUDIT_SETTINGS, type AuditSettings } from '../audit.options.js';
import { AuditDigests } from '../integrity/audit.digests.js';
import { AuditRetention } from './audit.retention.js';
import { SEE_ALL } from './audit.scope.js';
import { EVENTS, createPartitions, missingPartitions, SEALS } from './partitions.js';

/** Number of future months for which the owner creates partitions, because the owner may not log in every month. */
const OWNER_MONTHS_AHEAD = 12;

const OWNER_REMEDY = 'run nest-bulwark migrate with the login that owns the tables in DATABASE_MIGRATION_URL';

/** A task that one replica runs periodically for all replicas. */
type MaintenanceTask = 'partitions' | 'retention' | 'digests';

/**
 * Creates partitions before they are needed, drops partitions after retention, and creates digests. A failed task runs
 * again. A failure loses no event, because events of a month without a partition go to the default partition.
 */
@Injectable()
export class AuditMaintenance implements OnModuleInit {
  /** Tasks whose last run failed, with the reason. */
  readonly failures = new Map<MaintenanceTask, string>();
  private readonly logger = new Logger('Audit');

  constructor(
    @InjectModuleDataSource() private readonly source: DataSource,
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
    if (this.settings.maintenanceIntervalMs > 0) await this.attempt('partitions', () => this.createPartitions());
  }

  /** Runs all tasks that are due. Never throws; {@link failures} contains the failed tasks. */
  async run(now = new Date()): Promise<void> {
    await this.attempt('partitions', () => this.createPartitions(now));
    await this.attempt('retention', () => this.dropPartitions(now));
    await this.attempt('digests', () => this.digests.run());
  }

  /**
   * Runs the tasks that only the owner of the tables may run: it creates partitions for a year, and applies retention.
   * For a job with the owner's login, if the application has another login.
   *
   * @throws the error of the failed task
   */
  async runAsOwner(now = new Date()): Promise<void> {
    await this.createPartitions(now, OWNER_MONTHS_AHEAD);
    await this.dropPartitions(now);
  }

  private createPartitions(now = new Date(), monthsAhead?: number): Promise<void> {
    return this.tryWithLock(async (manager) => {
      const isOwner = await this.isOwner(manager);
      for (const monthly of [EVENTS, SEALS]) {
        if (!isOwner) await assertPartitions(manager, monthly, now);
        else {
          const names = await createPartitions(manager, monthly, now, monthsAhead);
          if (names.length > 0) this.logger.log(`created the audit partitions ${names.join(', ')}`);
        }
      }
    });
  }

  private dropPartitions(now: Date): Promise<void> {
    return this.tryWithLock(async (manager) => {
      if (await this.isOwner(manager)) return this.retention.run(manager, now);
      if (await this.retention.isDue(manager, now))
        throw new Error(`audit partitions are older than the retention: ${OWNER_REMEDY}`);
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

  /** Runs the task on the first replica that gets the lock. The other replicas skip it. */
  private async tryWithLock(work: (manager: EntityManager) => Promise<void>): Promise<void> {
    await tryWithAdvisoryLock(this.source, 'audit-maintenance', async (manager) => {
      await manager.query(`SELECT ${SEE_ALL}`);
      await work(manager);
    });
  }

  private async attempt(task: MaintenanceTask, work: () => Promise<void>): Promise<void> {
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
  if (missing.length > 0) throw new Error(`the audit partitions ${missing.join(', ')} are missing: ${OWNER_REMEDY}`);
}
