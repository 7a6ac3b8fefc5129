import { Injectable } from '@nestjs/common';
import { DOCTOR_CHECKS, ApiProfile, Target, type DoctorCheck } from '../../doctor/index.js';
import { getGroup, skip, SkipCheck, type CheckOutcome } from '../../reports/index.js';
import { ImportedModules, type SuiteProvider } from '../imported-modules.js';
import { SelfClient } from '../self-client.js';
import { SelfRoutes } from '../self-routes.js';
import { SelfTest, type SelfTestSuite } from '../self-test.js';
import { SUITE } from '../suite-providers.js';
import { TemporaryAccounts, type Account } from '../throw-away-account.js';

/** Checks of TLS. TLS usually ends at a proxy, so these checks cannot run from inside. */
const EXCLUDED_CHECKS = ['tls.', 'headers.hsts'];
/** More than any default tier allows in a minute. */
const THROTTLE_REQUESTS = 150;

/** The module whose protection a group of checks tests. */
const MODULE_OF_GROUP: Readonly<Record<string, SuiteProvider<unknown>>> = {
  authentication: SUITE.authSettings,
  bodies: SUITE.securitySettings,
  compression: SUITE.securitySettings,
  cors: SUITE.securitySettings,
  errors: SUITE.securitySettings,
  headers: SUITE.securitySettings,
  methods: SUITE.securitySettings,
  paths: SUITE.authSettings,
  privacy: SUITE.authSettings,
  probes: SUITE.healthSettings,
  throttle: SUITE.throttlerSettings,
};

/** What the application does itself, and not one of its modules. */
const REMEDY_OF_GROUP: Readonly<Record<string, string>> = {
  errors: 'hardenApp(app) in main.ts does this.',
};

/** State that all checks of a run share. An account for each check would need too much time for password hashing. */
interface SharedState {
  account: Account | undefined;
  /** Why there is no account. */
  noAccountReason: string;
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
    private readonly routes: SelfRoutes,
    private readonly accounts: TemporaryAccounts,
    private readonly modules: ImportedModules,
  ) {}

  private async run(check: DoctorCheck): Promise<CheckOutcome> {
    const group = getGroup(check.name);
    const provider = MODULE_OF_GROUP[group];
    if (provider) await this.modules.require(provider);
    const security = await this.modules.find(SUITE.securitySettings);
    if (group === 'compression' && security?.compression === false) {
      return skip('`compression` of SecurityModule is false, because a proxy compresses');
    }
    const outcome = await this.runWithState(check, security?.cors?.origins ?? []);
    const addition = REMEDY_OF_GROUP[group];
    if (outcome.remedy === undefined || addition === undefined) return outcome;
    return { ...outcome, remedy: `${outcome.remedy} ${addition}` };
  }

  private async runWithState(check: DoctorCheck, origins: readonly string[]): Promise<CheckOutcome> {
    const common = (this.shared ??= { prepared: this.prepare(), users: 0 });
    common.users += 1;
    try {
      const { api, account, noAccountReason } = await common.prepared;
      const target = await this.createTarget();
      const allowedOrigin = origins.find((origin) => !origin.includes('*'));
      const context = { target, api, throttleRequests: THROTTLE_REQUESTS, allowedOrigin, httpPort: undefined };
      try {
        return await check.run(context);
      } catch (error) {
        // The reason would name an option of the doctor. The cause is that there is no account.
        if (error instanceof SkipCheck && !account) return skip(noAccountReason);
        throw error;
      }
    } finally {
      common.users -= 1;
      if (common.users === 0) {
        if (this.shared === common) this.shared = undefined;
        await this.accounts.delete((await common.prepared.catch(() => undefined))?.account);
      }
    }
  }

  private async prepare(): Promise<SharedState> {
    const { routes } = this;
    const hasAuth = (await this.modules.find(SUITE.authSettings)) !== undefined;
    const created = await this.accounts.create(this.client.createClient()).catch((error: unknown) => {
      // Without an account, the other checks are possible.
      if (error instanceof SkipCheck) return error.message;
      throw error;
    });
    const account = typeof created === 'string' ? undefined : created;
    const api = new ApiProfile(await this.createTarget(), {
      ...(account && {
        token: account.accessToken,
        credentials: { email: account.email, password: account.password },
      }),
      ...(hasAuth && {
        loginPath: routes.find('POST', '/auth/login')?.path,
        protectedPath: routes.find('GET', '/auth/profile')?.path,
      }),
      openApiPath: routes.find('GET', '/docs/openapi.json')?.path,
      publicPath: routes.require('GET', '/production-test/compression/payload').path,
      livenessPath: routes.findHandler('HealthController', 'live')?.path,
      readinessPath: routes.findHandler('HealthController', 'ready')?.path,
    });
    return { account, api, noAccountReason: typeof created === 'string' ? created : '' };
  }

  /** Uses a new address, so that a check does not use up the limits of another check. */
  private async createTarget(): Promise<Target> {
    const { url, fingerprint } = await this.client.findListener();
    return new Target(url, {
      localAddress: this.client.createAddress(),
      maxWaitMs: 0,
      timeoutMs: this.client.timeoutMs,
      isSelf: true,
      fingerprint,
      // The routes that the checks need have the same versions.
      headers: this.routes.require('GET', '/production-test/compression/payload').headers,
    });
  }
}
