import {
  Controller,
  Delete,
  Get,
  HttpCode,
  Inject,
  Injectable,
  Param,
  UseGuards,
  VERSION_NEUTRAL,
  type CanActivate,
  type ExecutionContext,
} from '@nestjs/common';
import { Management, ProblemException, type AdapterRequest } from '../common/index.js';
import type { ThrottlerSettings } from './settings.js';
import { ThrottlerService, type BlockedClient } from './throttler.service.js';
import { THROTTLER_SETTINGS } from './throttler.tokens.js';

/** Closes routes to all but one role. It asks the principal itself, so that it holds whichever module authenticates. */
@Injectable()
class AdminRouteGuard implements CanActivate {
  constructor(@Inject(THROTTLER_SETTINGS) private readonly settings: ThrottlerSettings) {}

  canActivate(context: ExecutionContext): boolean {
    const { adminRole } = this.settings;
    const { user } = context.switchToHttp().getRequest<AdapterRequest>();
    if (user?.roles.includes(adminRole)) return true;
    throw new ProblemException('ACCESS_DENIED', `This needs the role ${adminRole}.`);
  }
}

/** Who is being refused, and how to let them in again. */
@Controller({ path: 'admin/rate-limits', version: ['1', VERSION_NEUTRAL] })
@Management()
@UseGuards(AdminRouteGuard)
export class ThrottlerController {
  constructor(private readonly throttler: ThrottlerService) {}

  /** The clients that this process refuses most often. */
  @Get('blocked')
  blocked(): { blocked: BlockedClient[] } {
    return { blocked: this.throttler.topBlocked() };
  }

  /** @param id as the list has it, percent-encoded */
  @Delete('blocked/:id')
  @HttpCode(204)
  async lift(@Param('id') id: string): Promise<void> {
    if (!(await this.throttler.lift(id)))
      throw new ProblemException('NOT_FOUND', 'No limit has this id; take one from the list.');
  }
}
