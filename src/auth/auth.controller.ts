import { Body, Get, Header, HttpCode, Post, Req, Res, VERSION_NEUTRAL } from '@nestjs/common';
import { ProblemException } from '../problem/index.js';
import { Public } from '../guards/index.js';
import { ThrottleTier } from '../ports/index.js';
import type { AdapterRequest, Principal } from '../context/index.js';
import { LoginDto, RefreshDto, RegisterDto, type TokenView, type UserView } from './auth.dto.js';
import { AuthService } from './auth.service.js';
import { DeviceCookies } from './cookies/device-cookie.js';
import { SessionCookies } from './cookies/session-cookies.js';
import { TokenRoute } from './cookies/token-delivery.interceptor.js';
import { CurrentUser } from './current-user.decorator.js';
import { SuiteController } from '../validation/index.js';

/** Registration, login, refresh, logout and profile, under `/auth` and `/v1/auth`. */
@SuiteController({ path: 'auth', version: ['1', VERSION_NEUTRAL] })
export class AuthController {
  constructor(
    private readonly auth: AuthService,
    private readonly cookies: SessionCookies,
    private readonly devices: DeviceCookies,
  ) {}

  @Post('register')
  @Public()
  @ThrottleTier('auth')
  @TokenRoute('login')
  async register(
    @Body() body: RegisterDto,
    @Res({ passthrough: true }) response: { status(code: number): unknown },
  ): Promise<TokenView | undefined> {
    const tokens = await this.auth.register(body);
    // 202 does not say whether an account was created.
    if (!tokens) response.status(202);
    return tokens;
  }

  @Post('login')
  @Public()
  @ThrottleTier('auth')
  @HttpCode(200)
  @TokenRoute('login')
  login(@Req() request: AdapterRequest, @Body() body: LoginDto): Promise<TokenView> {
    return this.auth.login(body, this.devices.read(request));
  }

  @Post('refresh')
  @Public()
  @ThrottleTier('auth')
  @HttpCode(200)
  @TokenRoute('refresh')
  refresh(@Req() request: AdapterRequest, @Body() body?: RefreshDto): Promise<TokenView> {
    return this.auth.refresh(this.refreshToken(request, body));
  }

  @Post('logout')
  @Public()
  @HttpCode(204)
  @TokenRoute('logout')
  logout(@Req() request: AdapterRequest, @Body() body?: RefreshDto): Promise<void> {
    return this.auth.logout(this.refreshToken(request, body));
  }

  @Get('profile')
  @Header('Cache-Control', 'no-store')
  profile(@CurrentUser() user: Principal): Promise<UserView> {
    return this.auth.profile(user.id);
  }

  private refreshToken(request: AdapterRequest, body: RefreshDto | undefined): string {
    const token = this.cookies.getRefreshToken(request) ?? body?.refreshToken;
    if (token !== undefined) return token;
    throw new ProblemException('VALIDATION_FAILED', 'The request has no refresh token.', {
      errors: [{ path: 'refreshToken', code: 'isDefined', message: 'refreshToken should not be missing' }],
    });
  }
}
