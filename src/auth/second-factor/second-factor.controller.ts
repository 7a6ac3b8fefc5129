import { Body, Get, Header, HttpCode, Post, Req, VERSION_NEUTRAL } from '@nestjs/common';
import { Public } from '../../guards/index.js';
import { ThrottleTier } from '../../ports/index.js';
import type { AdapterRequest, Principal } from '../../context/index.js';
import { ReauthenticationService } from '../accounts/reauthentication.service.js';
import type { TokenView } from '../auth.dto.js';
import { AuthService } from '../auth.service.js';
import { DeviceCookies } from '../cookies/device-cookie.js';
import { TokenRoute } from '../cookies/token-delivery.interceptor.js';
import { CurrentUser } from '../current-user.decorator.js';
import { RecentAuthentication } from '../recent-authentication.guard.js';
import {
  CodeDto,
  DisableSecondFactorDto,
  LoginCodeDto,
  StepUpDto,
  type AccessTokenView,
  type RecoveryCodesView,
  type SecondFactorView,
  type TotpEnrolmentView,
} from './second-factor.dto.js';
import { SecondFactorService } from './second-factor.service.js';
import { SuiteController } from '../../validation/index.js';

/** Second step of a login, step-up, and the second factor of the caller's account. */
@SuiteController({ path: 'auth', version: ['1', VERSION_NEUTRAL] })
export class SecondFactorController {
  constructor(
    private readonly auth: AuthService,
    private readonly factors: SecondFactorService,
    private readonly reauthentication: ReauthenticationService,
    private readonly devices: DeviceCookies,
  ) {}

  /** Second step of a login. */
  @Post('login/mfa')
  @Public()
  @ThrottleTier('auth')
  @HttpCode(200)
  @TokenRoute('login')
  login(@Req() request: AdapterRequest, @Body() body: LoginCodeDto): Promise<TokenView> {
    return this.auth.completeLogin(body, this.devices.read(request));
  }

  /** Repeats the login within the existing session. */
  @Post('step-up')
  @ThrottleTier('auth')
  @HttpCode(200)
  @TokenRoute('refresh')
  stepUp(@CurrentUser() user: Principal, @Body() body: StepUpDto): Promise<AccessTokenView> {
    return this.auth.stepUp(user, body);
  }

  @Get('mfa')
  @Header('Cache-Control', 'no-store')
  view(@CurrentUser() { id }: Principal): Promise<SecondFactorView> {
    return this.factors.getStatus(id);
  }

  @Post('mfa/totp')
  @RecentAuthentication()
  @ThrottleTier('auth')
  @Header('Cache-Control', 'no-store')
  begin(@CurrentUser() user: Principal): Promise<TotpEnrolmentView> {
    return this.factors.beginEnrolment(user);
  }

  /** Activates the second factor. The other sessions end, because they were created without it. */
  @Post('mfa/totp/confirm')
  @RecentAuthentication()
  @ThrottleTier('auth')
  @HttpCode(200)
  @Header('Cache-Control', 'no-store')
  confirm(@CurrentUser() user: Principal, @Body() { code }: CodeDto): Promise<RecoveryCodesView> {
    return this.factors.confirmEnrolment(user, code);
  }

  /** POST and not DELETE, because some proxies drop the body of a DELETE request. */
  @Post('mfa/totp/disable')
  @RecentAuthentication()
  @ThrottleTier('auth')
  @HttpCode(204)
  async disable(@CurrentUser() user: Principal, @Body() body: DisableSecondFactorDto): Promise<void> {
    const verifiedUser = await this.reauthentication.verifyPassword(user.id, body.currentPassword);
    await this.factors.disable(user, verifiedUser, body.code);
  }

  @Post('mfa/recovery-codes')
  @RecentAuthentication()
  @ThrottleTier('auth')
  @HttpCode(200)
  @Header('Cache-Control', 'no-store')
  renewCodes(@CurrentUser() user: Principal, @Body() { code }: CodeDto): Promise<RecoveryCodesView> {
    return this.factors.renewRecoveryCodes(user, code);
  }
}
