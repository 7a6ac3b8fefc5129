import { Body, Controller, Get, Header, HttpCode, Post, VERSION_NEUTRAL } from '@nestjs/common';
import { Public, ThrottleTier, type Principal } from '../common/index.js';
import { LoginDto, RefreshDto, RegisterDto, type TokenView, type UserView } from './auth.dto.js';
import { AuthService } from './auth.service.js';
import { CurrentUser } from './current-user.decorator.js';

/** Accounts and tokens; answers under `/auth` and `/v1/auth`. */
@Controller({ path: 'auth', version: ['1', VERSION_NEUTRAL] })
export class AuthController {
  constructor(private readonly auth: AuthService) {}

  @Post('register')
  @Public()
  @ThrottleTier('auth')
  @Header('Cache-Control', 'no-store')
  register(@Body() body: RegisterDto): Promise<TokenView> {
    return this.auth.register(body);
  }

  @Post('login')
  @Public()
  @ThrottleTier('auth')
  @HttpCode(200)
  @Header('Cache-Control', 'no-store')
  login(@Body() body: LoginDto): Promise<TokenView> {
    return this.auth.login(body);
  }

  @Post('refresh')
  @Public()
  @ThrottleTier('auth')
  @HttpCode(200)
  @Header('Cache-Control', 'no-store')
  refresh(@Body() body: RefreshDto): Promise<TokenView> {
    return this.auth.refresh(body.refreshToken);
  }

  @Post('logout')
  @Public()
  @HttpCode(204)
  logout(@Body() body: RefreshDto): Promise<void> {
    return this.auth.logout(body.refreshToken);
  }

  @Get('profile')
  @Header('Cache-Control', 'no-store')
  profile(@CurrentUser() user: Principal): Promise<UserView> {
    return this.auth.profile(user.id);
  }
}
