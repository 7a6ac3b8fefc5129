import { ConfigurableModuleBuilder, Global, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuditTrail } from '../common/index.js';
import { AuditEvent } from './audit-event.entity.js';
import { AuditHealth } from './audit.health.js';
import { AUDIT_SETTINGS, auditSettings, type AuditModuleOptions } from './audit.options.js';
import { AuditService } from './audit.service.js';

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN } = new ConfigurableModuleBuilder<AuditModuleOptions>()
  .setClassMethodName('forRoot')
  .build();

/**
 * Keeps the security events of all modules in PostgreSQL.
 *
 * @publicApi
 */
@Global()
@Module({
  imports: [TypeOrmModule.forFeature([AuditEvent])],
  providers: [
    { provide: AUDIT_SETTINGS, useFactory: auditSettings, inject: [MODULE_OPTIONS_TOKEN] },
    AuditService,
    AuditHealth,
    { provide: AuditTrail, useExisting: AuditService },
  ],
  exports: [AuditService, AuditTrail],
})
export class AuditModule extends ConfigurableModuleClass {}
