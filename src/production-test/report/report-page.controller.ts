import { Get, VERSION_NEUTRAL } from '@nestjs/common';
import { Public } from '../../guards/index.js';
import { CspNonce, Page } from '../../security/index.js';
import { reportPage } from './report.page.js';
import { SuiteController } from '../../validation/index.js';

/**
 * The report page. It is public and contains no results. The user enters an access token, and a script on the page requests
 * the results with this token, because a browser cannot send a token when it loads a page.
 */
@SuiteController({ path: 'production-test/report', version: ['1', VERSION_NEUTRAL] })
@Public()
export class ReportPageController {
  @Get()
  @Page()
  page(@CspNonce({ 'connect-src': ["'self'"], 'img-src': ['data:'] }) nonce: string): string {
    return reportPage(nonce);
  }
}
