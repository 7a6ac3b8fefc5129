import {
  Body,
  Delete,
  Get,
  Header,
  HttpCode,
  Param,
  ParseUUIDPipe,
  Patch,
  Post,
  VERSION_NEUTRAL,
} from '@nestjs/common';
import { Public } from '../../guards/index.js';
import { ThrottleTier } from '../../ports/index.js';
import type { Principal } from '../../context/index.js';
import {
  ChangeEmailDto,
  ChangePasswordDto,
  CurrentPasswordDto,
  ForgotPasswordDto,
  OneTimeTokenDto,
  ProfileDto,
  ResetPasswordDto,
  type SessionView,
} from './account.dto.js';
import { AccountService } from './account.service.js';
import type { UserView } from '../auth.dto.js';
import { TokenRoute } from '../cookies/token-delivery.interceptor.js';
import { RecentAuthentication } from '../recent-authentication.guard.js';
import { CurrentUser } from '../current-user.decorator.js';
import { SuiteController } from '../../validation/index.js';

/** Actions of users on their own account: profile, password, address, sessions. */
@SuiteController({ path: 'auth', version: ['1', VERSION_NEUTRAL] })
export class AccountController {
  constructor(private readonly accounts: AccountService) {}

  @Patch('profile')
  @Header('Cache-Control', 'no-store')
  rename(@CurrentUser() { id }: Principal, @Body() { name }: ProfileDto): Promise<UserView> {
    return this.accounts.rename(id, name);
  }

  @Get('sessions')
  @Header('Cache-Control', 'no-store')
  async listSessions(@CurrentUser() user: Principal): Promise<{ sessions: SessionView[] }> {
    return { sessions: await this.accounts.listSessions(user) };
  }

  /** Ends all sessions except the current one. */
  @Delete('sessions')
  @HttpCode(204)
  endOtherSessions(@CurrentUser() user: Principal): Promise<void> {
    return this.accounts.endOtherSessions(user);
  }

  @Delete('sessions/:id')
  @HttpCode(204)
  endSession(@CurrentUser() { id }: Principal, @Param('id', ParseUUIDPipe) sessionId: string): Promise<void> {
    return this.accounts.endSession(id, sessionId);
  }

  @Post('logout-all')
  @HttpCode(204)
  @TokenRoute('logout')
  endAllSessions(@CurrentUser() { id }: Principal): Promise<void> {
    return this.accounts.endAllSessions(id);
  }

  @Post('change-password')
  @ThrottleTier('auth')
  @HttpCode(204)
  changePassword(@CurrentUser() user: Principal, @Body() body: ChangePasswordDto): Promise<void> {
    return this.accounts.changePassword(user, body);
  }

  @Post('forgot-password')
  @Public()
  @ThrottleTier('auth', 'email')
  @HttpCode(202)
  forgotPassword(@Body() { email }: ForgotPasswordDto): void {
    this.accounts.forgotPassword(email);
  }

  @Post('reset-password')
  @Public()
  @ThrottleTier('auth')
  @HttpCode(204)
  resetPassword(@Body() body: ResetPasswordDto): Promise<void> {
    return this.accounts.resetPassword(body);
  }

  @Post('verify-email')
  @Public()
  @ThrottleTier('auth')
  @HttpCode(204)
  verifyEmail(@Body() { token }: OneTimeTokenDto): Promise<void> {
    return this.accounts.verifyEmail(token);
  }

  @Post('verify-email/send')
  @ThrottleTier('email')
  @HttpCode(202)
  sendVerification(@CurrentUser() { id }: Principal): Promise<void> {
    return this.accounts.sendVerification(id);
  }

  /** For users who cannot log in before they confirm the address. */
  @Post('verify-email/resend')
  @Public()
  @ThrottleTier('auth', 'email')
  @HttpCode(202)
  resendVerification(@Body() { email }: ForgotPasswordDto): void {
    this.accounts.resendVerification(email);
  }

  @Post('change-email')
  @RecentAuthentication()
  @ThrottleTier('auth', 'email')
  @HttpCode(202)
  changeEmail(@CurrentUser() user: Principal, @Body() body: ChangeEmailDto): Promise<void> {
    return this.accounts.changeEmail(user, body);
  }

  @Post('change-email/confirm')
  @Public()
  @ThrottleTier('auth')
  @HttpCode(204)
  confirmEmail(@Body() { token }: OneTimeTokenDto): Promise<void> {
    return this.accounts.confirmEmail(token);
  }

  @Post('deactivate-account')
  @RecentAuthentication()
  @ThrottleTier('auth')
  @HttpCode(204)
  @TokenRoute('logout')
  deactivateAccount(@CurrentUser() user: Principal, @Body() { currentPassword }: CurrentPasswordDto): Promise<void> {
    return this.accounts.deactivateAccount(user, currentPassword);
  }

  /** POST and not DELETE, because some proxies drop the body of a DELETE request. */
  @Post('delete-account')
  @RecentAuthentication()
  @ThrottleTier('auth')
  @HttpCode(204)
  @TokenRoute('logout')
  deleteAccount(@CurrentUser() user: Principal, @Body() { currentPassword }: CurrentPasswordDto): Promise<void> {
    return this.accounts.deleteAccount(user, currentPassword);
  }
}
