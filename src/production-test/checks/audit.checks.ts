import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { AuditService, AuditVerifier } from '../../audit/index.js';
import { fail, judge, pass, type CheckFinding } from '../../reports/index.js';
import { SelfClient } from '../self-client.js';
import { SelfTest, type SelfTestSuite } from '../self-test.js';

/** The whole chain can take minutes to check; `nest-bulwark audit verify` does. */
const CHECKED_MS = 5 * 60_000;

@Injectable()
@SelfTest()
export class AuditChecks implements SelfTestSuite {
  readonly checks = [
    {
      name: 'audit.recorded',
      title: 'A failed login leaves an event in the database, with who, where and when',
      reference: 'OWASP ASVS 5.0 V16.2.1, V16.3.1',
      run: () => this.recorded(),
    },
    {
      name: 'audit.chain',
      title: 'The chain of the events of the last five minutes is unbroken',
      reference: 'OWASP ASVS 5.0 V16.4.2',
      run: () => this.chain(),
    },
    {
      name: 'audit.backlog',
      title: 'Events are stored as fast as they come',
      reference: 'OWASP ASVS 5.0 V16.4.3',
      run: () => Promise.resolve(this.backlog()),
    },
  ];

  constructor(
    private readonly client: SelfClient,
    private readonly audit: AuditService,
    private readonly verifier: AuditVerifier,
  ) {}

  private async recorded(): Promise<CheckFinding> {
    const { address, send } = this.client.visitor();
    const requestId = randomUUID();
    const login = await send('/auth/login', {
      method: 'POST',
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
          met: event?.address?.endsWith(address) === true,
          seen: event?.address,
        },
        { what: 'it holds no password', met: event !== undefined && !JSON.stringify(event).includes('"wrong"') },
      ],
      'Import AuditModule, run the migrations, and look for "audit events cannot be stored" in the log.',
    );
  }

  private async chain(): Promise<CheckFinding> {
    const { valid, verified, fault } = await this.verifier.verify({ from: new Date(Date.now() - CHECKED_MS) });
    if (valid) return pass({ verified });
    return fail(
      { verified, fault },
      'Somebody has changed the table. Compare it with a backup, from the event named on.',
    );
  }

  private backlog(): CheckFinding {
    const { pending, limit, journalBytes, journalLimitBytes, isStoreDown } = this.audit.backlog;
    return judge(
      [
        { what: 'the database takes events', met: !isStoreDown },
        { what: 'memory holds less than half of what it may', met: pending < limit / 2, seen: { pending, limit } },
        {
          what: 'the journal holds less than half of what it may',
          met: journalBytes < journalLimitBytes / 2,
          seen: { journalBytes, journalLimitBytes },
        },
      ],
      'Look for "audit events cannot be stored" in the log, and at the database.',
    );
  }
}
