import { Authenticator } from '../authenticator.js';
import type { Answer } from '../client.js';
import type { TestApp } from '../harness.js';
import { registered, TOKENS_IN_BODY, type ReplicaPair } from './replica-pair.js';

export const RESET_SUBJECT = /^Reset/;
export const VERIFY_SUBJECT = /^Confirm your address/;
export const CHANGE_EMAIL_SUBJECT = /^Confirm your new address/;

export type FactorState = 'none' | 'pending' | 'confirmed';

/** A session with its newest tokens. */
export interface Login {
  sessionId: string;
  accessToken: string;
  refreshToken: string;
}

export interface MadeKey {
  id: string;
  key: string;
}

/** Additional data of a new subject. It always has an account, sessions and API keys. */
export interface SubjectOptions {
  factor?: FactorState;
  logins?: number;
  apiKeys?: number;
  resetTokens?: number;
  mfaTokens?: number;
  /** Whether the subject requests a change of its address. */
  changesEmail?: boolean;
}

/** An account that has a credential of each kind. All are created through HTTP. */
export class Subject {
  readonly logins: Login[] = [];
  readonly apiKeys: MadeKey[] = [];
  resetTokens: string[] = [];
  readonly mfaTokens: string[] = [];
  verifyToken = '';
  changeEmailToken = '';
  readonly newEmail = `new-${crypto.randomUUID()}@example.com`;
  authenticator: Authenticator | undefined;
  recoveryCodes: string[] = [];

  private constructor(
    private readonly pair: ReplicaPair,
    readonly id: string,
    readonly email: string,
    readonly password: string,
  ) {}

  static async create(pair: ReplicaPair, options: SubjectOptions = {}): Promise<Subject> {
    const [one] = pair.replicas;
    const { factor = 'none', logins = 3, apiKeys = 2, resetTokens = 1, changesEmail = true } = options;
    const visitor = await registered(one);
    const subject = new Subject(pair, visitor.id, visitor.email, visitor.password);
    subject.logins.push(loginOf({ accessToken: visitor.token, refreshToken: visitor.refreshToken }));
    if (factor === 'confirmed') await subject.enrol();
    while (subject.logins.length < logins) subject.logins.push(await subject.logIn(one));
    const call = { token: visitor.token };
    for (let i = 0; i < apiKeys; i++) {
      const { status, body } = await one.post('/api-keys', { name: 'robot', permissions: ['orders:read'] }, call);
      if (status !== 201) throw new Error(`no API key: ${status}`);
      subject.apiKeys.push(body);
    }
    await Promise.all([subject.askForResets(resetTokens), changesEmail && subject.askForNewEmail()]);
    [subject.verifyToken = ''] = await pair.postbox.waitForTokens(subject.email, VERIFY_SUBJECT);
    if (factor === 'pending') await subject.beginEnrolment();
    if (factor !== 'confirmed') return subject;
    const { mfaTokens = 1 } = options;
    while (subject.mfaTokens.length < mfaTokens) await subject.takeFirstStep();
    await subject.forgetUsedSteps();
    return subject;
  }

  /** Does both steps of a login. The second step uses a recovery code. */
  async logIn(replica: TestApp, password = this.password): Promise<Login> {
    const { email, authenticator } = this;
    const first = await replica.post('/auth/login', { email, password }, { headers: TOKENS_IN_BODY });
    if (!authenticator) return loginOf(expectedOf(first, 200));
    const body = { mfaToken: expectedOf(first, 401).mfaToken, code: this.recoveryCodes.shift() };
    return loginOf(expectedOf(await replica.post('/auth/login/mfa', body, { headers: TOKENS_IN_BODY }), 200));
  }

  /** Does the first step of a login, and stores the token for the second step. */
  async takeFirstStep(): Promise<void> {
    const { email, password } = this;
    const first = await this.pair.replicas[0].post('/auth/login', { email, password }, { headers: TOKENS_IN_BODY });
    this.mfaTokens.push(expectedOf(first, 401).mfaToken);
  }

  /** Makes used TOTP codes valid again, without a wait for the next time step. */
  async forgetUsedSteps(): Promise<void> {
    await this.pair.sql('UPDATE auth_second_factors SET last_step = 0 WHERE user_id = $1', [this.id]);
  }

  private async enrol(): Promise<void> {
    await this.beginEnrolment();
    const body = { code: this.authenticator?.at(0) };
    const confirmed = await this.pair.replicas[0].post('/auth/mfa/totp/confirm', body, this.call);
    this.recoveryCodes = expectedOf(confirmed, 200).recoveryCodes;
  }

  async beginEnrolment(): Promise<void> {
    const begun = await this.pair.replicas[0].post('/auth/mfa/totp', undefined, this.call);
    this.authenticator = new Authenticator(expectedOf(begun, 201).uri);
  }

  private async askForResets(count: number): Promise<void> {
    const { email, pair } = this;
    for (let i = 0; i < count; i++) {
      expectedOf(await pair.replicas[0].post('/auth/forgot-password', { email }), 202);
      this.resetTokens = await pair.postbox.waitForTokens(email, RESET_SUBJECT, i + 1);
    }
  }

  private async askForNewEmail(): Promise<void> {
    const { newEmail, password: currentPassword, pair } = this;
    expectedOf(await pair.replicas[0].post('/auth/change-email', { newEmail, currentPassword }, this.call), 202);
    [this.changeEmailToken = ''] = await pair.postbox.waitForTokens(newEmail, CHANGE_EMAIL_SUBJECT);
  }

  private get call() {
    return { token: this.logins[0]?.accessToken };
  }
}

export function loginOf({ accessToken, refreshToken }: { accessToken: string; refreshToken: string }): Login {
  return { sessionId: sessionIdOf(accessToken), accessToken, refreshToken };
}

/** Claim `sid` of an access token. */
export function sessionIdOf(accessToken: string): string {
  return JSON.parse(Buffer.from(accessToken.split('.')[1] ?? '', 'base64url').toString()).sid;
}

/** Returns the body of a response, and throws if the status is not the expected one. */
export function expectedOf({ status, body, text }: Answer, expected: number) {
  if (status !== expected) throw new Error(`the preparation needs ${expected}, and was answered ${status} ${text}`);
  return body;
}
