import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { AuditService } from '../audit/index.js';
import { AppConfig, weaknessOf } from '../config/index.js';
import { SelfClient } from './self-client.js';
import { judge, SelfTest, type CheckFinding, type SelfTestCheck } from './self-test.check.js';

@Injectable()
@SelfTest({ description: 'A failed login leaves an event in the database, with who, where and when.' })
export class AuditCheck implements SelfTestCheck {
  readonly name = 'audit';
  readonly reference = 'OWASP ASVS 5.0 V16.3';

  constructor(
    private readonly client: SelfClient,
    private readonly audit: AuditService,
  ) {}

  async run(): Promise<CheckFinding> {
    const from = this.client.ownAddress();
    const requestId = randomUUID();
    const login = await this.client.send('/auth/login', {
      method: 'POST',
      from,
      headers: { 'X-Request-Id': requestId },
      body: { email: `${requestId}@self-test.invalid`, password: 'wrong' },
    });
    await this.audit.flush();
    const event = (await this.audit.findByRequest(requestId)).find(({ action }) => action === 'auth.failed_login');
    return judge(
      [
        { what: 'the login is refused', met: login.status === 401, seen: login.status },
        { what: 'auth.failed_login stands in the database', met: event !== undefined, seen: event?.id },
        {
          what: 'it names the address it came from',
          met: event?.address?.endsWith(from) === true,
          seen: event?.address,
        },
        { what: 'it holds no password', met: event !== undefined && !JSON.stringify(event).includes('"wrong"') },
      ],
      'Import AuditModule, run the migrations, and look for "audit events cannot be stored" in the log.',
    );
  }
}

@Injectable()
@SelfTest({ description: 'The configuration is one that production can be run with.' })
export class ConfigCheck implements SelfTestCheck {
  readonly name = 'config';
  readonly reference = 'OWASP ASVS 5.0 V13';

  constructor(private readonly config: AppConfig) {}

  run(): Promise<CheckFinding> {
    const { auth, database, http, isProduction, metrics, redis } = this.config;
    const weakness = auth.secret === undefined ? undefined : weaknessOf(auth.secret);
    const hasOwnKey = auth.privateKey !== undefined || (auth.secret !== undefined && weakness === undefined);
    const advice: [what: string, met: boolean, remedy: string][] = [
      ['NODE_ENV is production', isProduction, 'set NODE_ENV=production'],
      ['tokens are signed with a strong key of their own', hasOwnKey, 'set JWT_SECRET to 32 random bytes or more'],
      ['password hashes cost 10 or more', auth.bcryptCost >= 10, 'raise BCRYPT_COST'],
      ['the database is a server of its own', database.url !== undefined, 'set DATABASE_URL'],
      ['limits and caches are shared between replicas', redis.url !== undefined, 'set REDIS_URL'],
      ['browsers of all origins are not let in', !http.corsOrigins.includes('*'), 'list the origins in CORS_ORIGINS'],
      ['metrics need a token', metrics.token !== undefined, 'set METRICS_TOKEN'],
    ];
    const unmet = advice.filter(([, met]) => !met);
    return Promise.resolve({
      status: unmet.length === 0 ? 'pass' : isProduction ? 'fail' : 'warn',
      evidence: { expectations: advice.map(([what, met]) => ({ what, met })) },
      ...(unmet.length > 0 && { remedy: unmet.map(([, , remedy]) => remedy).join('; ') }),
    });
  }
}
