import { Get, Header, Req, Res, VERSION_NEUTRAL } from '@nestjs/common';
import { ProblemException } from '../../problem/index.js';
import { Public } from '../../guards/index.js';
import type { AdapterRequest } from '../../context/index.js';
import { CsrfTokens } from './csrf-tokens.js';
import { CSRF_HEADER } from './csrf-check.js';
import { SessionCookies } from './session-cookies.js';
import { SuiteController } from '../../validation/index.js';

/** Issues the CSRF token that browsers send with requests that change data. */
@SuiteController({ path: 'auth/csrf', version: ['1', VERSION_NEUTRAL] })
export class CsrfController {
  constructor(
    private readonly cookies: SessionCookies,
    private readonly tokens: CsrfTokens,
  ) {}

  /** Returns the token of the session, or a token without a session before a login. All pages of a browser share it. */
  @Get()
  @Public()
  @Header('Cache-Control', 'no-store')
  issue(
    @Req() request: AdapterRequest,
    @Res({ passthrough: true }) response: unknown,
  ): { csrfToken: string; headerName: string } {
    if (!this.cookies.isEnabled) throw new ProblemException('NOT_FOUND', 'This route does not exist.');
    const csrfToken = this.tokens.reuseOrIssue(this.cookies.getSessionId(request), this.cookies.getCsrfToken(request));
    this.cookies.setCsrfToken(response, csrfToken);
    return { csrfToken, headerName: CSRF_HEADER };
  }
}
