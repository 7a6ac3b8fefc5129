import type { TestApp } from '../harness.js';
import { BY_MESSAGE } from '../revocations.js';
import { until } from '../until.js';
import { RESET_SUBJECT, type Subject } from '../accounts/subject.js';
import type { ReplicaPair } from '../accounts/replica-pair.js';
import type { Expectations, SessionRecord } from './expectations.js';
import type { Outcome } from './flow.js';
import type { Workspace } from './workspace.js';

const RECOVERY_CODES = 10;
const ACCESS_ROUTE = '/auth/profile';
const KEY_ROUTE = '/orders';

interface AccountRow {
  email: string;
  isClosed: boolean;
  locked_at: Date | null;
  deactivated_at: Date | null;
  roles: string[];
}

/** Uses every credential after a race, and collects the violated invariants. */
export class Invariants {
  readonly violations: string[] = [];
  private calls = 0;

  constructor(
    private readonly pair: ReplicaPair,
    private readonly workspace: Workspace,
    private readonly subject: Subject,
    private readonly outcomes: readonly Outcome[],
    private readonly expected: Expectations,
  ) {}

  async check(): Promise<void> {
    this.checkStatuses();
    const row = await this.accountRow();
    this.checkAccount(row);
    await this.checkMembership(row);
    await this.checkCredentials(row?.isClosed !== false);
    if (row?.isClosed) {
      await this.reopenAccount();
      await this.checkCredentials(true);
    }
    await this.checkPasswords(await this.accountRow());
  }

  private checkStatuses(): void {
    for (const { flow, answer } of this.outcomes) {
      const { status, text } = answer;
      if (status !== flow.success && !flow.refusals.includes(status)) {
        this.violations.push(`${flow.name} was answered with ${status} ${text.slice(0, 200)}`);
      }
    }
  }

  private checkAccount(row: AccountRow | undefined): void {
    const { expected } = this;
    const isLocked = expected.has('account lock') && !expected.has('account unlock');
    this.require(!expected.has('account deletion') || row === undefined, 'the deleted account still exists');
    if (!row) return this.require(expected.has('account deletion'), 'the account does not exist');
    this.require(!isLocked || row.locked_at !== null, 'the lock is lost');
    this.require(
      !expected.has('account unlock') || expected.has('account lock') || row.locked_at === null,
      'the unlock is lost',
    );
    this.require(!expected.has('account deactivation') || row.deactivated_at !== null, 'the deactivation is lost');
    this.require(!expected.has('role change') || row.roles.includes('Developer'), 'the change of roles is lost');
    const hasNewEmail = row.email === this.subject.newEmail;
    this.require(expected.has('email change confirmation') === hasNewEmail, `the address is ${row.email}`);
  }

  private async checkMembership(row: AccountRow | undefined): Promise<void> {
    const roles = await this.workspace.rolesOf(this.subject.id);
    const hasLeft = this.expected.has('tenant membership removal') && !this.expected.has('tenant membership creation');
    this.require(
      !hasLeft || roles === undefined,
      `the user is a member of the tenant again after leaving it: ${roles?.join()}`,
    );
    this.require(row !== undefined || roles === undefined, 'a deleted account is a member of a tenant');
  }

  private async checkCredentials(isClosed: boolean): Promise<void> {
    await this.pair.finishBackgroundWork();
    for (const session of this.expected.sessions) await this.checkSession(session, isClosed);
    for (const { key, validity } of this.expected.apiKeys) {
      const isRevoked = () => this.hasRow('api_keys', key.id, 'revoked_at IS NOT NULL');
      const mustBeInvalid = isClosed || validity === 'invalid';
      if (mustBeInvalid) await this.checkInvalid('API key', KEY_ROUTE, key.key, isRevoked);
      else await this.checkValid('API key', KEY_ROUTE, key.key);
    }
    await this.checkMfaTokens(isClosed);
    if (isClosed || this.expected.areOneTimeTokensInvalid) await this.checkOneTimeTokensInvalid(isClosed);
  }

  private async checkSession(session: SessionRecord, isClosed: boolean): Promise<void> {
    const validity = isClosed ? 'invalid' : this.expected.validityOf(session);
    if (validity === 'either') return;
    const { sessionId, openedBy, accessTokens, refreshTokens } = session;
    const name =
      openedBy === 'before' ? 'session that was opened before the race' : `session that the ${openedBy} opened`;
    if (validity === 'valid') {
      for (const token of accessTokens) await this.checkValid(name, ACCESS_ROUTE, token);
      const refreshed = await this.anyReplica.post('/auth/refresh', { refreshToken: refreshTokens.at(-1) });
      this.require(
        refreshed.status === 200,
        `the ${name} is valid, but its refresh was answered with ${refreshed.status}`,
      );
      const next = refreshed.body?.refreshToken;
      if (next !== undefined) refreshTokens.push(next);
      return;
    }
    const isEnded = () => this.hasRow('auth_sessions', sessionId, 'revoked_at IS NOT NULL');
    for (const token of accessTokens) await this.checkInvalid(name, ACCESS_ROUTE, token, isEnded);
    for (const refreshToken of refreshTokens.toReversed()) {
      const { status } = await this.anyReplica.post('/auth/refresh', { refreshToken });
      this.require(status === 401, `the ${name} must have ended, but its refresh was answered with ${status}`);
    }
  }

  private async checkMfaTokens(isClosed: boolean): Promise<void> {
    const tokens = isClosed
      ? [...this.subject.mfaTokens, ...this.expected.invalidMfaTokens]
      : this.expected.invalidMfaTokens;
    for (const mfaToken of new Set(tokens)) {
      await this.subject.forgetUsedSteps();
      const body = { mfaToken, code: this.subject.authenticator?.at(0) };
      const { status } = await this.anyReplica.post('/auth/login/mfa', body);
      this.require(status !== 200, 'an invalid mfaToken completed a login');
    }
  }

  private async checkOneTimeTokensInvalid(isClosed: boolean): Promise<void> {
    const { verifyToken, changeEmailToken, resetTokens, email, newEmail } = this.subject;
    const mailed = [email, newEmail].flatMap((address) => this.pair.postbox.tokensFor(address, RESET_SUBJECT));
    const tokens: [string, string, object?][] = [
      ['/auth/verify-email', verifyToken],
      ['/auth/change-email/confirm', changeEmailToken],
      ...(isClosed ? mailed : resetTokens).map((token): [string, string, object] => [
        '/auth/reset-password',
        token,
        { password: 'the password of a thief' },
      ]),
    ];
    for (const [path, token, more] of tokens) {
      const { status } = await this.anyReplica.post(path, { token, ...more });
      this.require(status === 400, `an invalid token was answered with ${status} by POST ${path}`);
    }
  }

  private async checkPasswords(row: AccountRow | undefined): Promise<void> {
    const { expected, subject } = this;
    const accepted = expected.acceptedPasswords;
    const candidates = [subject.password, ...this.newPasswords];
    const working: string[] = [];
    for (const password of candidates) {
      const body = { email: row?.email ?? subject.email, password };
      const answer = await this.anyReplica.post('/auth/login', body);
      if (answer.status === 200 || answer.body?.code === 'AUTH_MFA_REQUIRED') working.push(password);
    }
    this.require(accepted.length < 2, 'two changes with the same credential have both succeeded');
    const allowed = row === undefined || expected.isPasswordRemoved ? [] : accepted;
    const wanted =
      row !== undefined && !expected.isPasswordRemoved && accepted.length === 0 ? candidates[0] : undefined;
    if (wanted !== undefined) this.require(working.join() === wanted, `these passwords work: ${working.join(', ')}`);
    else {
      const isRight = working.length === Math.min(allowed.length, 1) && working.every((one) => allowed.includes(one));
      this.require(isRight, `of ${allowed.join(', ') || 'no password'}, these work: ${working.join(', ') || 'none'}`);
    }
    const [password] = working;
    if (row && password !== undefined) await this.checkFactor(row.email, password);
  }

  private get newPasswords(): string[] {
    const setters = this.outcomes.filter(({ flow }) => flow.effects.password === 'replaced');
    return setters.map(({ attempt }) => attempt.newPassword);
  }

  private async checkFactor(email: string, password: string): Promise<void> {
    const { expected, subject } = this;
    const first = async () => (await this.anyReplica.post('/auth/login', { email, password })).body?.mfaToken;
    const mfaToken = await first();
    this.require(
      (mfaToken !== undefined) === expected.hasFactor,
      `the login does ${expected.hasFactor ? 'not ' : ''}require a second factor`,
    );
    if (mfaToken === undefined || !expected.hasFactor) return;
    await subject.forgetUsedSteps();
    const complete = async (code: string | undefined) =>
      (await this.anyReplica.post('/auth/login/mfa', { mfaToken: await first(), code })).status;
    this.require(
      (await complete(subject.authenticator?.at(0))) === 200,
      'the secret of the authenticator app is not valid',
    );
    const rows = await this.pair.sql('SELECT 1 FROM auth_recovery_codes WHERE user_id = $1', [subject.id]);
    this.require(rows.length <= RECOVERY_CODES, `there are ${rows.length} recovery codes`);
    const batches = expected.newRecoveryCodes;
    const valid: string[][] = [];
    for (const batch of batches) if ((await complete(batch[0])) === 200) valid.push(batch);
    if (batches.length > 0)
      this.require(valid.length === 1, `${valid.length} of ${batches.length} new batches of recovery codes are valid`);
    if (subject.recoveryCodes.length === 0) return;
    const areOldCodesValid = (await complete(subject.recoveryCodes[0])) === 200;
    this.require(
      areOldCodesValid === (batches.length === 0),
      `the old recovery codes are ${areOldCodesValid ? '' : 'not '}valid`,
    );
  }

  private async checkValid(name: string, path: string, token: string): Promise<void> {
    for (const replica of this.pair.replicas) {
      const { status, body } = await replica.get(path, { token });
      // A refresh before the subject left gave a token for the tenant. The session itself is still valid.
      const hasLeftTenant = this.expected.has('tenant membership removal') && body?.code === 'AUTH_TENANT_REVOKED';
      this.require(status === 200 || hasLeftTenant, `the ${name} must be valid, but was answered with ${status}`);
    }
  }

  /** A replica may receive the end of a session a moment later, but only if the end is stored. */
  private async checkInvalid(
    name: string,
    path: string,
    token: string,
    isStored: () => Promise<boolean>,
  ): Promise<void> {
    for (const replica of this.pair.replicas) {
      const isRefused = async () => (await replica.get(path, { token })).status === 401;
      if (await isRefused()) continue;
      const isStoredAsEnded = (await isStored()) || (await this.accountRow())?.isClosed !== false;
      if (isStoredAsEnded) await until(`the ${name} is refused by both replicas`, isRefused, BY_MESSAGE);
      else this.require(false, `the ${name} must be invalid, but is valid`);
    }
  }

  private async reopenAccount(): Promise<void> {
    const [{ token }] = this.pair.administrators;
    const body = { locked: false, deactivated: false };
    const { status } = await this.anyReplica.patch(`/admin/users/${this.subject.id}`, body, { token });
    this.require(status === 200, `the account cannot be reopened: ${status}`);
  }

  private async accountRow(): Promise<AccountRow | undefined> {
    const [row] = await this.pair.sql('SELECT email, locked_at, deactivated_at, roles FROM users WHERE id = $1', [
      this.subject.id,
    ]);
    return row && { ...row, isClosed: row.locked_at !== null || row.deactivated_at !== null };
  }

  /** Whether a row is deleted, or matches the condition. */
  private async hasRow(table: string, id: string, condition: string): Promise<boolean> {
    const rows = await this.pair.sql(`SELECT 1 FROM ${table} WHERE id = $1 AND NOT (${condition})`, [id]);
    return rows.length === 0;
  }

  /** Alternates between the replicas, for data that both read from the database for each request. */
  private get anyReplica(): TestApp {
    return this.pair.replicas[this.calls++ % 2 === 0 ? 1 : 0];
  }

  private require(holds: boolean, otherwise: string): void {
    if (!holds && !this.violations.includes(otherwise)) this.violations.push(otherwise);
  }
}
