import { Body, Delete, Get, Header, HttpCode, Param, ParseUUIDPipe, Post, Put, VERSION_NEUTRAL } from '@nestjs/common';
import { CurrentUser, TokenRoute, type AccessTokenView, ParseUserIdPipe } from '../auth/index.js';
import { AllowApiKeys, Authorize, inTenant, param, Permissions } from '../authorization/index.js';
import { ThrottleTier } from '../ports/index.js';
import type { Principal } from '../context/index.js';
import { MemberRolesDto, SwitchTenantDto, type MemberView, type TenantView } from './tenants.dto.js';
import { NO_SUCH_TENANT, TenantsService } from './tenants.service.js';
import { SuiteController } from '../validation/index.js';

/** The caller's own tenants. */
@SuiteController({ version: ['1', VERSION_NEUTRAL] })
export class TenantsController {
  constructor(private readonly tenants: TenantsService) {}

  @Get('tenants')
  @Header('Cache-Control', 'no-store')
  async list(@CurrentUser() user: Principal): Promise<{ tenants: TenantView[] }> {
    return { tenants: await this.tenants.listTenantsOfUser(user) };
  }

  /** Issues an access token for another tenant of the caller, or for no tenant with `null`. */
  @Post('auth/switch-tenant')
  @ThrottleTier('auth')
  @HttpCode(200)
  @TokenRoute('refresh')
  switch(@CurrentUser() user: Principal, @Body() { tenantId }: SwitchTenantDto): Promise<AccessTokenView> {
    return this.tenants.switch(user, tenantId);
  }
}

/** Members of the tenant that the caller acts in. Other callers get 404, which hides that the tenant exists. */
@SuiteController({ path: 'tenants/:tenantId/members', version: ['1', VERSION_NEUTRAL] })
@Authorize(inTenant(param('tenantId')), { hideAs: NO_SUCH_TENANT })
@AllowApiKeys(false)
export class TenantMembersController {
  constructor(private readonly tenants: TenantsService) {}

  @Get()
  @Permissions('tenant:members:read')
  @Header('Cache-Control', 'no-store')
  async list(@Param('tenantId', ParseUUIDPipe) tenantId: string): Promise<{ members: MemberView[] }> {
    return { members: await this.tenants.members(tenantId) };
  }

  /** Changes the roles of a member. Only an administrator can add a new member. */
  @Put(':userId')
  @Permissions('tenant:members:write')
  @HttpCode(204)
  async change(
    @CurrentUser() actor: Principal,
    @Param('tenantId', ParseUUIDPipe) tenantId: string,
    @Param('userId', ParseUserIdPipe) userId: string,
    @Body() { roles }: MemberRolesDto,
  ): Promise<void> {
    await this.tenants.changeMemberAs(actor, tenantId, userId, roles);
  }

  @Delete(':userId')
  @Permissions('tenant:members:write')
  @HttpCode(204)
  async remove(
    @CurrentUser() actor: Principal,
    @Param('tenantId', ParseUUIDPipe) tenantId: string,
    @Param('userId', ParseUserIdPipe) userId: string,
  ): Promise<void> {
    await this.tenants.removeMemberAs(actor, tenantId, userId);
  }
}
