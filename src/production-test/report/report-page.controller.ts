import { Controller, Get, VERSION_NEUTRAL } from '@nestjs/common';
import { Public } from '../../guards/index.js';
import { CspNonce, Page } from '../../security/index.js';
import { reportPage } from './report.page.js';

/**
 * The page itself is open wherever the self-tests are on, and empty: what it shows, it asks the routes beside it for,
 * with the token that its user types in. A browser has no other way to send one.
 */
@Controller({ path: 'production-test/report', version: ['1', VERSION_NEUTRAL] })
@Public()
export class ReportPageController {
  @Get()
  @Page()
  page(@CspNonce({ 'connect-src': ["'self'"], 'img-src': ['data:'] }) nonce: string): string {
    return reportPage(nonce);
  }
}
