import { Controller, Get, Header, Req, Res, VERSION_NEUTRAL } from '@nestjs/common';
import { ProblemException } from '../../problem/index.js';
import { Public } from '../../guards/index.js';
import type { AdapterRequest } from '../../context/index.js';
import { CsrfTokens } from './csrf-tokens.js';
import { CSRF_HEADER } from './csrf-check.js';
import { SessionCookies } from './session-cookies.js';

/** Hands out the token that browsers send with what changes something. */
@Controller({ path: 'auth/csrf', version: ['1', VERSION_NEUTRAL] })
export class CsrfController {
  constructor(
    private readonly cookies: SessionCookies,
    private readonly tokens: CsrfTokens,
  ) {}

  /** The token of the session, or before a login one of none. The pages of one browser share it. */
  @Get()
  @Public()
  @Header('Cache-Control', 'no-store')
  issue(
    @Req() request: AdapterRequest,
    @Res({ passthrough: true }) response: unknown,
  ): { csrfToken: string; headerName: string } {
    if (!this.cookies.isOn) throw new ProblemException('NOT_FOUND', 'There is no such route.');
    const csrfToken = this.tokens.tokenFor(this.cookies.sessionOf(request), this.cookies.csrfTokenOf(request));
    this.cookies.setCsrfToken(response, csrfToken);
    return { csrfToken, headerName: CSRF_HEADER };
  }
}
