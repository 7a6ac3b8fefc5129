import { createHash } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { currentContext } from '../context/index.js';
import { FailureThrottle, type FailureSubject } from '../ports/index.js';
import { ProblemException } from '../problem/index.js';
import { addressKey } from './address-key.js';
import { Policy, toSeconds, type Hit } from './policy.js';
import type { ThrottlerSettings } from './settings.js';
import { RateLimitException } from './throttler.exception.js';
import { FAILED_LOGIN, ThrottlerService } from './throttler.service.js';
import { THROTTLER_SETTINGS } from './throttler.tokens.js';

/**
 * The delay grows: twice the failures are allowed in 4 times the window, 4 times the failures in 16 times the window.
 * With the defaults, a client that continues to guess has one guess every 3 minutes at first, then every 6, then every 12.
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

/** Limits failed logins by account (or by a known device of the account) and by address. @publicApi */
@Injectable()
export class LoginThrottle extends FailureThrottle {
  private readonly steps: readonly Step[];

  /** @internal */
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
    const decision = await this.service.consume(hits);
    const { allowed, verdicts, isUnavailable } = decision;
    if (allowed) return async () => this.service.refund(hits, decision);
    const waitMs = Math.max(...verdicts.map((verdict) => verdict.waitMs));
    const retryAfterSeconds = toSeconds(waitMs);
    if (isUnavailable) {
      throw new ProblemException('SERVICE_UNAVAILABLE', 'Logins cannot be counted at the moment. Try again later.', {
        headers: { 'Retry-After': String(retryAfterSeconds) },
      });
    }
    // The same answer for accounts that exist and for accounts that do not.
    throw new RateLimitException(`Too many logins failed. Try again in ${retryAfterSeconds} s.`, {
      retryAfterSeconds,
      violatedPolicies: [FAILED_LOGIN],
    });
  }

  private hitsOf({ account, device, address = currentContext()?.clientAddress }: FailureSubject): Hit[] {
    const { limit, addressLimit, ttlMs } = this.settings.failedLogins;
    // Hashed, because accounts are email addresses, which must not appear in Redis or in the list of blocked clients.
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
