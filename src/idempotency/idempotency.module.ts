import { ConfigurableModuleBuilder, Global, Module, type DynamicModule } from '@nestjs/common';
import { PeriodicTasksCoreModule } from '../periodic-tasks/index.js';
import { ProblemModule } from '../problem/index.js';
import { IdempotencyHealth } from './idempotency.health.js';
import {
  IDEMPOTENCY_OPTIONS,
  type IdempotencyModuleExtras,
  type IdempotencyModuleOptions,
} from './idempotency.options.js';
import { IdempotencyService } from './idempotency.service.js';

const { ConfigurableModuleClass } = new ConfigurableModuleBuilder<IdempotencyModuleOptions>({
  optionsInjectionToken: IDEMPOTENCY_OPTIONS,
})
  .setClassMethodName('forRoot')
  .setExtras<IdempotencyModuleExtras>({ dataSource: undefined }, (definition, { dataSource }) =>
    dataSource === undefined
      ? definition
      : { ...definition, imports: [...(definition.imports ?? []), loadPostgresStore(dataSource)] },
  )
  .build();

/** Loads TypeORM, which applications with another store need not have. */
async function loadPostgresStore(dataSource: string): Promise<DynamicModule> {
  const { PostgresIdempotencyModule } = await import('./postgres-idempotency.module.js');
  return PostgresIdempotencyModule.forRoot(dataSource);
}

/**
 * Idempotency keys for routes marked `@Idempotent()`
 * (https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/).
 *
 * @publicApi
 */
@Global()
@Module({
  imports: [PeriodicTasksCoreModule, ProblemModule],
  providers: [IdempotencyService, IdempotencyHealth],
  exports: [IdempotencyService],
})
export class IdempotencyModule extends ConfigurableModuleClass {}
