import { Body, Delete, Get, Header, HttpCode, Param, ParseUUIDPipe, Post, VERSION_NEUTRAL } from '@nestjs/common';
import { CurrentUser, RecentAuthentication, ParseUserIdPipe } from '../auth/index.js';
import { AllowApiKeys, Roles } from '../authorization/index.js';
import { Management } from '../guards/index.js';
import { ThrottleTier } from '../ports/index.js';
import type { Principal } from '../context/index.js';
import { CreateApiKeyDto, type ApiKeyView, type NewApiKeyView } from './api-keys.dto.js';
import { ApiKeysService } from './api-keys.service.js';
import { SuiteController } from '../validation/index.js';

/** The caller's own API keys. An API key cannot create or revoke API keys. */
@SuiteController({ path: 'api-keys', version: ['1', VERSION_NEUTRAL] })
@AllowApiKeys(false)
export class ApiKeysController {
  constructor(private readonly keys: ApiKeysService) {}

  @Get()
  @Header('Cache-Control', 'no-store')
  async list(@CurrentUser() { id }: Principal): Promise<{ keys: ApiKeyView[] }> {
    return { keys: await this.keys.list(id) };
  }

  /** Only this response contains the key itself. */
  @Post()
  @RecentAuthentication()
  @ThrottleTier('auth')
  @Header('Cache-Control', 'no-store')
  create(@CurrentUser() owner: Principal, @Body() body: CreateApiKeyDto): Promise<NewApiKeyView> {
    return this.keys.create(owner, body);
  }

  @Delete(':id')
  @HttpCode(204)
  revoke(@CurrentUser() owner: Principal, @Param('id', ParseUUIDPipe) id: string): Promise<void> {
    return this.keys.revoke(id, owner.id);
  }
}

/** API keys of all users, for administrators. */
@SuiteController({ path: 'admin', version: ['1', VERSION_NEUTRAL] })
@Management()
@Roles('Admin')
@AllowApiKeys(false)
export class AdminApiKeysController {
  constructor(private readonly keys: ApiKeysService) {}

  @Get('users/:id/api-keys')
  @Header('Cache-Control', 'no-store')
  async list(@Param('id', ParseUserIdPipe) id: string): Promise<{ keys: ApiKeyView[] }> {
    return { keys: await this.keys.list(id) };
  }

  @Delete('api-keys/:id')
  @HttpCode(204)
  revoke(@Param('id', ParseUUIDPipe) id: string): Promise<void> {
    return this.keys.revoke(id);
  }
}
