import { createHash } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { currentContext, FailureThrottle, ProblemException, type FailureSubject } from '../common/index.js';
import { addressKey } from './client-address.js';
import { Policy, toSeconds, type Hit } from './policy.js';
import type { ThrottlerSettings } from './settings.js';
import { ThrottlerException } from './throttler.exception.js';
import { FAILED_LOGIN, ThrottlerService } from './throttler.service.js';
import { THROTTLER_SETTINGS } from './throttler.tokens.js';

/** Failed logins, by account and by address together. @publicApi */
@Injectable()
export class LoginThrottle extends FailureThrottle {
  private readonly byAccount: Policy;
  private readonly byAddress: Policy;

  constructor(
    @Inject(THROTTLER_SETTINGS) private readonly settings: ThrottlerSettings,
    private readonly service: ThrottlerService,
  ) {
    super();
    const tier = service.tierIndex(FAILED_LOGIN);
    this.byAccount = new Policy(FAILED_LOGIN, tier, 'custom', '');
    this.byAddress = new Policy(FAILED_LOGIN, tier, 'address', '');
  }

  async attempt(subject: FailureSubject): Promise<() => Promise<void>> {
    const hits = this.hitsOf(subject);
    const decision = await this.service.spend(hits);
    const { allowed, verdicts, isUnavailable } = decision;
    if (allowed) return async () => this.service.refund(hits, decision);
    const waitMs = Math.max(...verdicts.map((verdict) => verdict.waitMs));
    const headers = { 'Retry-After': String(toSeconds(waitMs)) };
    if (isUnavailable) {
      throw new ProblemException('SERVICE_UNAVAILABLE', 'Logins cannot be counted at the moment. Try again later.', {
        headers,
      });
    }
    // The same for accounts that exist and for those that do not.
    throw new ThrottlerException(`Too many logins failed. Try again in ${toSeconds(waitMs)} s.`, {
      headers,
      extensions: { 'violated-policies': [FAILED_LOGIN] },
    });
  }

  private hitsOf({ account, address = currentContext()?.clientAddress }: FailureSubject): Hit[] {
    const { limit, addressLimit, ttlMs: windowMs } = this.settings.failedLogins;
    const common = { cost: 1, windowMs, blockMs: 0 };
    // Accounts are email addresses, which have no business in Redis or in a list of blocked keys.
    const key = createHash('sha256').update(account).digest('base64url').slice(0, 22);
    return [
      { ...common, policy: this.byAccount, key, limit },
      {
        ...common,
        policy: this.byAddress,
        key: addressKey(address, this.settings.ipv6SubnetPrefix),
        limit: addressLimit,
      },
    ];
  }
}
