import {
  Body,
  Delete,
  Get,
  Header,
  HttpCode,
  Param,
  ParseUUIDPipe,
  Post,
  Put,
  Query,
  VERSION_NEUTRAL,
} from '@nestjs/common';
import { ParseUserIdPipe } from '../auth/index.js';
import { AllowApiKeys, Roles } from '../authorization/index.js';
import { Management } from '../guards/index.js';
import { Paginated } from '../conventions/index.js';
import { Idempotent } from '../idempotency/index.js';
import {
  CreateTenantDto,
  ListTenantsDto,
  MemberRolesDto,
  type AdminTenantView,
  type MemberView,
  type TenantPage,
} from './tenants.dto.js';
import { TenantsService } from './tenants.service.js';
import { SuiteController } from '../validation/index.js';

/** All tenants, for administrators. */
@SuiteController({ path: 'admin/tenants', version: ['1', VERSION_NEUTRAL] })
@Management()
@Roles('Admin')
@AllowApiKeys(false)
export class AdminTenantsController {
  constructor(private readonly tenants: TenantsService) {}

  @Get()
  @Paginated()
  @Header('Cache-Control', 'no-store')
  list(@Query() { cursor }: ListTenantsDto): Promise<TenantPage> {
    return this.tenants.list(cursor);
  }

  /** With an `Idempotency-Key`, a repeated request creates no second tenant. */
  @Post()
  @Idempotent()
  create(@Body() { name, ownerId }: CreateTenantDto): Promise<AdminTenantView> {
    return this.tenants.create(name, ownerId);
  }

  @Delete(':tenantId')
  @HttpCode(204)
  remove(@Param('tenantId', ParseUUIDPipe) tenantId: string): Promise<void> {
    return this.tenants.remove(tenantId);
  }

  @Get(':tenantId/members')
  @Header('Cache-Control', 'no-store')
  async members(@Param('tenantId', ParseUUIDPipe) tenantId: string): Promise<{ members: MemberView[] }> {
    return { members: await this.tenants.members(tenantId) };
  }

  /** Adds a member, or changes the roles of a member. */
  @Put(':tenantId/members/:userId')
  @HttpCode(204)
  setMember(
    @Param('tenantId', ParseUUIDPipe) tenantId: string,
    @Param('userId', ParseUserIdPipe) userId: string,
    @Body() { roles }: MemberRolesDto,
  ): Promise<void> {
    return this.tenants.setMember(tenantId, userId, roles);
  }

  @Delete(':tenantId/members/:userId')
  @HttpCode(204)
  removeMember(
    @Param('tenantId', ParseUUIDPipe) tenantId: string,
    @Param('userId', ParseUserIdPipe) userId: string,
  ): Promise<void> {
    return this.tenants.removeMember(tenantId, userId);
  }
}
