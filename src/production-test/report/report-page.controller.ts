import { randomBytes } from 'node:crypto';
import { Controller, Get, Res, VERSION_NEUTRAL } from '@nestjs/common';
import { Public } from '../../common/index.js';
import { reportPage } from './report.page.js';

interface Reply {
  header(name: string, value: string): unknown;
}

/**
 * The page itself is open wherever the self-tests are on, and empty: what it shows, it asks the routes beside it for,
 * with the token that its user types in. A browser has no other way to send one.
 */
@Controller({ path: 'production-test/report', version: ['1', VERSION_NEUTRAL] })
@Public()
export class ReportPageController {
  @Get()
  page(@Res({ passthrough: true }) response: Reply): string {
    const nonce = randomBytes(16).toString('base64url');
    response.header('Content-Type', 'text/html; charset=utf-8');
    response.header('Cache-Control', 'no-store');
    response.header(
      'Content-Security-Policy',
      `default-src 'none'; script-src 'nonce-${nonce}'; style-src 'nonce-${nonce}'; connect-src 'self'; img-src data:; ` +
        `base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    );
    return reportPage(nonce);
  }
}
