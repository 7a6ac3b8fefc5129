import { createHash } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { currentContext } from '../context/index.js';
import { FailureThrottle, type FailureSubject } from '../ports/index.js';
import { ProblemException } from '../problem/index.js';
import { addressKey } from './address-key.js';
import { Policy, toSeconds, type Hit } from './policy.js';
import type { ThrottlerSettings } from './settings.js';
import { ThrottlerException } from './throttler.exception.js';
import { FAILED_LOGIN, ThrottlerService } from './throttler.service.js';
import { THROTTLER_SETTINGS } from './throttler.tokens.js';

/**
 * The delay grows: twice the failures are allowed in four times the window, four times in sixteen. With the defaults who
 * goes on guessing has a guess every three minutes at first, then every six, then every twelve.
 */
const STEPS = [
  { failures: 1, windows: 1 },
  { failures: 2, windows: 4 },
  { failures: 4, windows: 16 },
] as const;

interface Step {
  readonly failures: number;
  readonly windows: number;
  readonly byAccount: Policy;
  readonly byDevice: Policy;
  readonly byAddress: Policy;
}

/** Failed logins, by account (or by a known device of the account) and by address together. @publicApi */
@Injectable()
export class LoginThrottle extends FailureThrottle {
  private readonly steps: readonly Step[];

  constructor(
    @Inject(THROTTLER_SETTINGS) private readonly settings: ThrottlerSettings,
    private readonly service: ThrottlerService,
  ) {
    super();
    const tier = service.tierIndex(FAILED_LOGIN);
    this.steps = STEPS.map((step, i) => {
      const scope = i === 0 ? '' : `x${step.windows}`;
      return {
        ...step,
        byAccount: new Policy(FAILED_LOGIN, tier, 'custom', scope),
        byDevice: new Policy(FAILED_LOGIN, tier, 'custom', `device${scope}`),
        byAddress: new Policy(FAILED_LOGIN, tier, 'address', scope),
      };
    });
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

  private hitsOf({ account, device, address = currentContext()?.clientAddress }: FailureSubject): Hit[] {
    const { limit, addressLimit, ttlMs } = this.settings.failedLogins;
    // Accounts are email addresses, which have no business in Redis or in a list of blocked keys.
    const subject = device === undefined ? account : JSON.stringify([account, device]);
    const key = createHash('sha256').update(subject).digest('base64url').slice(0, 22);
    const ofAddress = addressKey(address, this.settings.ipv6SubnetPrefix);
    return this.steps.flatMap(({ failures, windows, byAccount, byDevice, byAddress }) => {
      const common = { cost: 1, windowMs: windows * ttlMs, blockMs: 0 };
      return [
        { ...common, policy: device === undefined ? byAccount : byDevice, key, limit: failures * limit },
        { ...common, policy: byAddress, key: ofAddress, limit: failures * addressLimit },
      ];
    });
  }
}
