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

/** What the doctor examines from outside, examined through the application's own listener. */
@Injectable()
@SelfTest()
export class OutsideChecks implements SelfTestSuite {
  readonly checks = DOCTOR_CHECKS.filter(({ name }) => !ELSEWHERE.some((start) => name.startsWith(start))).map(
    (check) => ({ ...check, run: () => this.run(check) }),
  );

  /** One account for all checks that run at the same time: a hash of a password for each would take most of the run. */
  private account: { opened: Promise<Account>; users: number } | undefined;

  constructor(
    private readonly client: SelfClient,
    private readonly accounts: ThrowAwayAccounts,
    private readonly config: AppConfig,
  ) {}

  private async run(check: DoctorCheck): Promise<CheckFinding> {
    const shared = (this.account ??= { opened: this.accounts.open(this.client.visitor()), users: 0 });
    shared.users += 1;
    try {
      const { email, password, accessToken } = await shared.opened;
      // An address of its own for each check, so that none uses up the limits of another.
      const target = new Target(this.client.url, { from: this.client.ownAddress(), longestWaitMs: 0 });
      return await check.run({
        target,
        around: new Surroundings(target, {
          token: accessToken,
          credentials: { email, password },
          loginPath: '/auth/login',
          protectedPath: '/auth/profile',
          openApiPath: '/docs/openapi.json',
        }),
        throttleRequests: THROTTLE_REQUESTS,
        allowedOrigin: this.config.http.corsOrigins.find((origin) => origin !== '*'),
      });
    } finally {
      shared.users -= 1;
      if (shared.users === 0) {
        if (this.account === shared) this.account = undefined;
        await this.accounts.close(await shared.opened.catch(() => undefined));
      }
    }
  }
}
