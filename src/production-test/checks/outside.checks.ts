import { Injectable } from '@nestjs/common';
import { AppConfig } from '../../config/index.js';
import { DOCTOR_CHECKS, ApiProfile, Target, type DoctorCheck } from '../../doctor/index.js';
import type { CheckOutcome } from '../../reports/index.js';
import { SelfClient } from '../self-client.js';
import { SelfTest, type SelfTestSuite } from '../self-test.js';
import { TemporaryAccounts, type Account } from '../throw-away-account.js';

/** Checks of TLS. TLS usually ends at a proxy, so these checks cannot run from inside. */
const EXCLUDED_CHECKS = ['tls.', 'headers.hsts'];
/** More than any default tier allows in a minute. */
const THROTTLE_REQUESTS = 150;

/** State that all checks of a run share. An account for each check would need too much time for password hashing. */
interface SharedState {
  account: Account;
  api: ApiProfile;
}

/** Runs the checks of the doctor against the application's own listener. */
@Injectable()
@SelfTest()
export class OutsideChecks implements SelfTestSuite {
  readonly checks = DOCTOR_CHECKS.filter(({ name }) => !EXCLUDED_CHECKS.some((start) => name.startsWith(start))).map(
    (check) => ({ ...check, run: () => this.run(check) }),
  );

  private shared: { prepared: Promise<SharedState>; users: number } | undefined;

  constructor(
    private readonly client: SelfClient,
    private readonly accounts: TemporaryAccounts,
    private readonly config: AppConfig,
  ) {}

  private async run(check: DoctorCheck): Promise<CheckOutcome> {
    const common = (this.shared ??= { prepared: this.prepare(), users: 0 });
    common.users += 1;
    try {
      const { api } = await common.prepared;
      return await check.run({
        target: this.target(),
        api,
        throttleRequests: THROTTLE_REQUESTS,
        allowedOrigin: this.config.http.corsOrigins.find((origin) => origin !== '*'),
        httpPort: undefined,
      });
    } finally {
      common.users -= 1;
      if (common.users === 0) {
        if (this.shared === common) this.shared = undefined;
        await this.accounts.delete((await common.prepared.catch(() => undefined))?.account);
      }
    }
  }

  private async prepare(): Promise<SharedState> {
    const account = await this.accounts.create(this.client.createClient());
    const { email, password, accessToken } = account;
    const api = new ApiProfile(this.target(), {
      token: accessToken,
      credentials: { email, password },
      loginPath: '/auth/login',
      protectedPath: '/auth/profile',
      openApiPath: '/docs/openapi.json',
    });
    return { account, api };
  }

  /** Uses a new address, so that a check does not use up the limits of another check. */
  private target(): Target {
    const { url, timeoutMs } = this.client;
    return new Target(url, { localAddress: this.client.createAddress(), maxWaitMs: 0, timeoutMs, isSelf: true });
  }
}
