import { Body, Delete, Get, Header, HttpCode, Param, Patch, Post, Query, VERSION_NEUTRAL } from '@nestjs/common';
import { Roles } from '../../authorization/index.js';
import { Management } from '../../guards/index.js';
import type { Principal } from '../../context/index.js';
import { Role } from '../../users/index.js';
import { Paginated } from '../../conventions/index.js';
import { AdminUserDto, CreateUserDto, ListUsersDto } from './account.dto.js';
import { AdminUsersService, type AdminUserView, type UserPage } from './admin-users.service.js';
import { RecentAuthentication } from '../recent-authentication.guard.js';
import { ParseUserIdPipe } from '../parse-user-id.pipe.js';
import { CurrentUser } from '../current-user.decorator.js';
import { SuiteController } from '../../validation/index.js';

/** Actions of administrators on accounts of other users. */
@SuiteController({ path: 'admin/users', version: ['1', VERSION_NEUTRAL] })
@Management()
@Roles(Role.Admin)
export class AdminUsersController {
  constructor(private readonly admin: AdminUsersService) {}

  @Get()
  @Paginated()
  @Header('Cache-Control', 'no-store')
  list(@Query() query: ListUsersDto): Promise<UserPage> {
    return this.admin.list(query);
  }

  @Post()
  @RecentAuthentication()
  @Header('Cache-Control', 'no-store')
  create(@CurrentUser() admin: Principal, @Body() body: CreateUserDto): Promise<AdminUserView> {
    return this.admin.create(admin, body);
  }

  @Patch(':id')
  @RecentAuthentication()
  @Header('Cache-Control', 'no-store')
  change(
    @CurrentUser() admin: Principal,
    @Param('id', ParseUserIdPipe) id: string,
    @Body() body: AdminUserDto,
  ): Promise<AdminUserView> {
    return this.admin.change(admin, id, body);
  }

  /** Voids the password and all credentials, and mails a token to choose a new password. */
  @Post(':id/reset-password')
  @RecentAuthentication()
  @HttpCode(202)
  resetPassword(@CurrentUser() admin: Principal, @Param('id', ParseUserIdPipe) id: string): Promise<void> {
    return this.admin.forceReset(admin, id);
  }

  /** For a user who has lost the authenticator app and the recovery codes. */
  @Delete(':id/mfa')
  @RecentAuthentication()
  @HttpCode(204)
  removeSecondFactor(@CurrentUser() admin: Principal, @Param('id', ParseUserIdPipe) id: string): Promise<void> {
    return this.admin.removeSecondFactor(admin, id);
  }

  @Delete(':id/sessions')
  @HttpCode(204)
  endSessions(@CurrentUser() admin: Principal, @Param('id', ParseUserIdPipe) id: string): Promise<void> {
    return this.admin.endSessions(admin, id);
  }
}
