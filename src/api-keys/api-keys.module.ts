import { Global, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuthorizationGuardModule } from '../authorization/index.js';
import { PeriodicTasksCoreModule } from '../periodic-tasks/index.js';
import { CredentialVerifier } from '../ports/index.js';
import { ApiKeyUses } from './api-key-uses.js';
import { ApiKey } from './api-key.entity.js';
import { ApiKeyVerifier } from './api-key.verifier.js';
import { AdminApiKeysController, ApiKeysController } from './api-keys.controller.js';
import { ApiKeysService } from './api-keys.service.js';

/** API keys for programs. Needs AuthModule and DatabaseModule. It has no options. @publicApi */
@Global()
@Module({
  imports: [AuthorizationGuardModule, PeriodicTasksCoreModule, TypeOrmModule.forFeature([ApiKey])],
  controllers: [ApiKeysController, AdminApiKeysController],
  providers: [ApiKeysService, ApiKeyUses, ApiKeyVerifier, { provide: CredentialVerifier, useExisting: ApiKeyVerifier }],
  exports: [ApiKeysService, CredentialVerifier],
})
export class ApiKeysModule {}
