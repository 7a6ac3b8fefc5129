import { ConfigurableModuleBuilder, Global, Module, type DynamicModule } from '@nestjs/common';
import { provideDataSource, type DataSourceOption, type ProvideDataSourceOptions } from '../database/index.js';
import { AuditTrail } from '../ports/index.js';
import { GuardChainModule } from '../guards/index.js';
import { PeriodicTasksCoreModule } from '../periodic-tasks/index.js';
import { AuditEvent } from './audit-event.entity.js';
import { AuditController } from './audit.controller.js';
import { AuditHealth } from './audit.health.js';
import { AUDIT_SETTINGS, auditSettings, type AuditModuleOptions } from './audit.options.js';
import { AuditReader } from './audit.reader.js';
import { AuditService } from './audit.service.js';
import { AuditStore } from './audit.store.js';
import { AuditFeed } from './feed/audit.feed.js';
import { AuditTail } from './feed/audit.tail.js';
import { FeedEvents } from './feed/feed-events.js';
import { RequestAuditGuard } from './request-audit.guard.js';
import { AuditSinks } from './sinks/audit.sinks.js';
import { AuditDigests } from './integrity/audit.digests.js';
import { AuditSealer } from './integrity/audit.sealer.js';
import { AuditSigner } from './integrity/audit.signer.js';
import { AuditVerifier } from './integrity/audit.verifier.js';
import { AuditStoreHealth } from './store/audit-store.health.js';
import { AuditMaintenance } from './store/audit.maintenance.js';
import { AuditRetention } from './store/audit.retention.js';
import { AuditScope } from './store/audit.scope.js';
import { auditMigrations } from './store/create-audit.migration.js';

const STORAGE: ProvideDataSourceOptions = {
  entities: [AuditEvent],
  required: () => ({
    module: 'AuditModule',
    entities: [AuditEvent],
    tables: [
      'audit_idempotency',
      'audit_seals',
      'audit_unsealed',
      'audit_checkpoints',
      'audit_digests',
      'audit_log',
      'audit_batches',
      'audit_sink_positions',
    ],
    migrations: [{ name: 'auditMigrations', from: 'nest-bulwark/audit', classes: auditMigrations }],
  }),
};

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN, OPTIONS_TYPE, ASYNC_OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<AuditModuleOptions>()
    .setClassMethodName('forRoot')
    .setExtras<DataSourceOption>({ dataSource: undefined }, (definition, { dataSource }) => ({
      ...definition,
      providers: [...(definition.providers ?? []), provideDataSource(STORAGE, dataSource)],
    }))
    .build();

/**
 * Stores the security events of all modules in PostgreSQL.
 *
 * @publicApi
 */
@Global()
@Module({
  imports: [GuardChainModule, PeriodicTasksCoreModule],
  providers: [
    { provide: AUDIT_SETTINGS, useFactory: auditSettings, inject: [MODULE_OPTIONS_TOKEN] },
    AuditScope,
    AuditStore,
    AuditService,
    AuditHealth,
    AuditStoreHealth,
    AuditReader,
    AuditSigner,
    AuditSealer,
    AuditDigests,
    AuditRetention,
    AuditMaintenance,
    AuditVerifier,
    AuditFeed,
    FeedEvents,
    AuditSinks,
    AuditTail,
    RequestAuditGuard,
    { provide: AuditTrail, useExisting: AuditService },
  ],
  exports: [
    AuditService,
    AuditTrail,
    AuditReader,
    AuditSealer,
    AuditSinks,
    AuditVerifier,
    AuditDigests,
    AuditMaintenance,
    AuditScope,
  ],
})
export class AuditModule extends ConfigurableModuleClass {
  static override forRoot(options: typeof OPTIONS_TYPE = {}): DynamicModule {
    return withRoutes(super.forRoot(options), options.adminRoutes);
  }

  /** `adminRoutes` is not part of the factory's result, because Nest registers routes before it calls the factory. */
  static override forRootAsync(options: typeof ASYNC_OPTIONS_TYPE & { adminRoutes?: boolean }): DynamicModule {
    return withRoutes(super.forRootAsync(options), options.adminRoutes);
  }
}

function withRoutes(module: DynamicModule, adminRoutes: boolean | undefined): DynamicModule {
  return adminRoutes ? { ...module, controllers: [AuditController] } : module;
}
