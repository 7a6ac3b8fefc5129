import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { fail, checkExpectations, pass, type CheckOutcome } from '../../reports/index.js';
import { ImportedModules } from '../imported-modules.js';
import { SelfClient } from '../self-client.js';
import { SelfTest, type SelfTestSuite } from '../self-test.js';
import { SUITE } from '../suite-providers.js';

/** The check of the whole chain can take minutes. Use `nest-bulwark audit verify` for it. */
const CHECKED_PERIOD_MS = 5 * 60_000;

@Injectable()
@SelfTest()
export class AuditChecks implements SelfTestSuite {
  readonly checks = [
    {
      name: 'audit.recorded',
      title: 'A failed login is recorded in the database',
      reference: 'OWASP ASVS 5.0 V16.2.1, V16.3.1',
      run: () => this.recorded(),
    },
    {
      name: 'audit.chain',
      title: 'The hash chain of the last five minutes is valid',
      reference: 'OWASP ASVS 5.0 V16.4.2',
      run: () => this.chain(),
    },
    {
      name: 'audit.backlog',
      title: 'Events are stored as fast as they arrive',
      reference: 'OWASP ASVS 5.0 V16.4.3',
      run: () => this.backlog(),
    },
  ];

  constructor(
    private readonly client: SelfClient,
    private readonly modules: ImportedModules,
  ) {}

  private async recorded(): Promise<CheckOutcome> {
    const audit = await this.modules.require(SUITE.auditService);
    await this.modules.require(SUITE.authSettings);
    const { address, send } = this.client.createClient();
    const requestId = randomUUID();
    const login = await send('/auth/login', {
      method: 'POST',
      headers: { 'X-Request-Id': requestId },
      body: { email: `${requestId}@self-test.invalid`, password: 'wrong' },
    });
    await audit.flush();
    const event = (await audit.findByRequest(requestId)).find(({ action }) => action === 'auth.failed_login');
    return checkExpectations(
      [
        { what: 'the login is refused', met: login.status === 401, seen: login.status },
        { what: 'auth.failed_login is in the database', met: event !== undefined, seen: event?.id },
        {
          what: 'the event has the address of the client',
          met: event?.address?.endsWith(address) === true,
          seen: event?.address,
        },
        {
          what: 'the event contains no password',
          met: event !== undefined && !JSON.stringify(event).includes('"wrong"'),
        },
      ],
      'Run the migrations, and look for "audit events cannot be stored" in the log.',
    );
  }

  private async chain(): Promise<CheckOutcome> {
    const verifier = await this.modules.require(SUITE.auditVerifier);
    const { valid, verified, fault } = await verifier.verify({ from: new Date(Date.now() - CHECKED_PERIOD_MS) });
    if (valid) return pass({ verified });
    return fail({ verified, fault }, 'The table was changed. Compare it with a backup, from the listed event on.');
  }

  private async backlog(): Promise<CheckOutcome> {
    const audit = await this.modules.require(SUITE.auditService);
    const { pending, limit, journalBytes, journalLimitBytes, isStoreDown } = audit.backlog;
    return checkExpectations(
      [
        { what: 'the database accepts events', met: !isStoreDown },
        { what: 'the memory buffer is less than half full', met: pending < limit / 2, seen: { pending, limit } },
        {
          what: 'the journal is less than half full',
          met: journalBytes < journalLimitBytes / 2,
          seen: { journalBytes, journalLimitBytes },
        },
      ],
      'Look for "audit events cannot be stored" in the log, and check the database.',
    );
  }
}
