import { Delete, Get, HttpCode, Inject, Injectable, Optional, Param, UseGuards, VERSION_NEUTRAL } from '@nestjs/common';
import { AuditTrail, ExactRoleCheck, NoAuditTrail, RoleCheck, RoleGuard } from '../ports/index.js';
import { Management } from '../guards/index.js';
import { ProblemException } from '../problem/index.js';
import type { ThrottlerSettings } from './settings.js';
import { ThrottlerService, type BlockedClient } from './throttler.service.js';
import { THROTTLER_SETTINGS } from './throttler.tokens.js';
import { SuiteController } from '../validation/index.js';

@Injectable()
class AdminRouteGuard extends RoleGuard {
  constructor(
    @Inject(THROTTLER_SETTINGS) { adminRole }: ThrottlerSettings,
    @Optional() roles: RoleCheck = new ExactRoleCheck(),
    @Optional() audit: AuditTrail = new NoAuditTrail(),
  ) {
    super(adminRole, roles, audit);
  }
}

/** Lists and unblocks the clients that are refused. */
@SuiteController({ path: 'admin/rate-limits', version: ['1', VERSION_NEUTRAL] })
@Management()
@UseGuards(AdminRouteGuard)
export class ThrottlerController {
  constructor(private readonly throttler: ThrottlerService) {}

  /** The clients that this process refuses most at the moment. */
  @Get('blocked')
  blocked(): { blocked: BlockedClient[] } {
    return { blocked: this.throttler.topBlocked() };
  }

  /** @param id from the list, percent-encoded */
  @Delete('blocked/:id')
  @HttpCode(204)
  async unblock(@Param('id') id: string): Promise<void> {
    if (!(await this.throttler.unblock(id)))
      throw new ProblemException('NOT_FOUND', 'No limit has this id. Take an id from the list.');
  }
}
