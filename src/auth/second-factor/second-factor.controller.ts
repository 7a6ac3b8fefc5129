import { Body, Controller, Get, Header, HttpCode, Post, Req, VERSION_NEUTRAL } from '@nestjs/common';
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

/** The second factor of the caller's account, and what asks for it. */
@Controller({ path: 'auth', version: ['1', VERSION_NEUTRAL] })
export class SecondFactorController {
  constructor(
    private readonly auth: AuthService,
    private readonly factors: SecondFactorService,
    private readonly reauthentication: ReauthenticationService,
    private readonly devices: DeviceCookies,
  ) {}

  /** The second step of a login. */
  @Post('login/mfa')
  @Public()
  @ThrottleTier('auth')
  @HttpCode(200)
  @TokenRoute('login')
  login(@Req() request: AdapterRequest, @Body() body: LoginCodeDto): Promise<TokenView> {
    return this.auth.completeLogin(body, this.devices.read(request));
  }

  /** A login once more, for the session that there is. */
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
    return this.factors.view(id);
  }

  @Post('mfa/totp')
  @RecentAuthentication()
  @ThrottleTier('auth')
  @Header('Cache-Control', 'no-store')
  begin(@CurrentUser() user: Principal): Promise<TotpEnrolmentView> {
    return this.factors.begin(user);
  }

  /** Puts the factor in force and ends the other sessions: they were opened without it. */
  @Post('mfa/totp/confirm')
  @RecentAuthentication()
  @ThrottleTier('auth')
  @HttpCode(200)
  @Header('Cache-Control', 'no-store')
  confirm(@CurrentUser() user: Principal, @Body() { code }: CodeDto): Promise<RecoveryCodesView> {
    return this.factors.confirm(user, code);
  }

  /** A POST, because proxies drop the body of a DELETE. */
  @Post('mfa/totp/disable')
  @RecentAuthentication()
  @ThrottleTier('auth')
  @HttpCode(204)
  async disable(@CurrentUser() user: Principal, @Body() body: DisableSecondFactorDto): Promise<void> {
    const seen = await this.reauthentication.check(user.id, body.currentPassword);
    await this.factors.disable(user, seen, body.code);
  }

  @Post('mfa/recovery-codes')
  @RecentAuthentication()
  @ThrottleTier('auth')
  @HttpCode(200)
  @Header('Cache-Control', 'no-store')
  renewCodes(@CurrentUser() user: Principal, @Body() { code }: CodeDto): Promise<RecoveryCodesView> {
    return this.factors.renewCodes(user, code);
  }
}
