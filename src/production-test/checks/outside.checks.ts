import { Injectable } from '@nestjs/common';
import { AppConfig } from '../../config/index.js';
import { DOCTOR_CHECKS, Surroundings, Target, type DoctorCheck } from '../../doctor/index.js';
import type { CheckFinding } from '../../reports/index.js';
import { SelfClient } from '../self-client.js';
import { SelfTest, type SelfTestSuite } from '../self-test.js';
import { ThrowAwayAccounts, type Account } from '../throw-away-account.js';

/** Those about the way to the application: TLS ends in front of it, so it cannot see them from here. */
const ELSEWHERE = ['tls.', 'headers.hsts'];
/** More than any tier allows in a minute by default. */
const THROTTLE_REQUESTS = 150;

/** What all checks that run at the same time share: hashing a password for each would take most of a run. */
interface Common {
  account: Account;
  around: Surroundings;
}

/** What the doctor examines from outside, examined through the application's own listener. */
@Injectable()
@SelfTest()
export class OutsideChecks implements SelfTestSuite {
  readonly checks = DOCTOR_CHECKS.filter(({ name }) => !ELSEWHERE.some((start) => name.startsWith(start))).map(
    (check) => ({ ...check, run: () => this.run(check) }),
  );

  private common: { prepared: Promise<Common>; users: number } | undefined;

  constructor(
    private readonly client: SelfClient,
    private readonly accounts: ThrowAwayAccounts,
    private readonly config: AppConfig,
  ) {}

  private async run(check: DoctorCheck): Promise<CheckFinding> {
    const common = (this.common ??= { prepared: this.prepare(), users: 0 });
    common.users += 1;
    try {
      const { around } = await common.prepared;
      return await check.run({
        target: this.target(),
        around,
        throttleRequests: THROTTLE_REQUESTS,
        allowedOrigin: this.config.http.corsOrigins.find((origin) => origin !== '*'),
        httpPort: undefined,
      });
    } finally {
      common.users -= 1;
      if (common.users === 0) {
        if (this.common === common) this.common = undefined;
        await this.accounts.close((await common.prepared.catch(() => undefined))?.account);
      }
    }
  }

  private async prepare(): Promise<Common> {
    const account = await this.accounts.open(this.client.visitor());
    const { email, password, accessToken } = account;
    const around = new Surroundings(this.target(), {
      token: accessToken,
      credentials: { email, password },
      loginPath: '/auth/login',
      protectedPath: '/auth/profile',
      openApiPath: '/docs/openapi.json',
    });
    return { account, around };
  }

  /** At an address of its own, so that no check uses up the limits of another. */
  private target(): Target {
    const { url, timeoutMs } = this.client;
    return new Target(url, { from: this.client.ownAddress(), longestWaitMs: 0, timeoutMs, isOwn: true });
  }
}
