import { loginOf, sessionIdOf, type MadeKey, type Subject } from '../accounts/subject.js';
import { hasSucceeded, type Effects, type Outcome } from './flow.js';

type Validity = 'valid' | 'invalid' | 'either';

/** A session with all tokens that were ever issued for it. */
export interface SessionRecord {
  readonly sessionId: string;
  readonly openedBy: 'before' | 'login' | 'second step';
  readonly accessTokens: string[];
  /** Oldest first. */
  readonly refreshTokens: string[];
}

/** What must be true after a race, derived from its responses. What depends on the order of the sides stays open. */
export class Expectations {
  readonly sessions: readonly SessionRecord[];
  private readonly successes: readonly Outcome[];

  constructor(
    private readonly subject: Subject,
    private readonly outcomes: readonly Outcome[],
    private readonly startedLocked: boolean,
  ) {
    this.successes = outcomes.filter(hasSucceeded);
    this.sessions = this.collectSessions();
  }

  has(name: string): boolean {
    return this.successes.some(({ flow }) => flow.name === name);
  }

  get effects(): readonly Effects[] {
    return this.successes.map(({ flow }) => flow.effects);
  }

  validityOf({ sessionId, openedBy }: SessionRecord): Validity {
    if (this.startedLocked && openedBy === 'before') return 'invalid';
    for (const { flow, attempt } of this.successes) {
      const { sessions, endsSessionsOpenedBy = [] } = flow.effects;
      const isOwn = attempt.login.sessionId === sessionId;
      if (openedBy !== 'before' && endsSessionsOpenedBy.includes(openedBy)) return 'invalid';
      if (sessions === 'own' && isOwn) return 'invalid';
      if (openedBy === 'before' && (sessions === 'all' || (sessions === 'others' && !isOwn))) return 'invalid';
    }
    const endsSomeSessions = this.effects.some(({ sessions }) => sessions === 'all' || sessions === 'others');
    return openedBy === 'before' || !endsSomeSessions ? 'valid' : 'either';
  }

  get apiKeys(): { key: MadeKey; validity: Validity }[] {
    const areInvalid = this.startedLocked || this.effects.some(({ apiKeys }) => apiKeys === 'invalid');
    const isRevoked = (index: number) => index === 1 && this.has('API key revocation');
    const before = this.subject.apiKeys.map((key, index) => ({
      key,
      validity: areInvalid || isRevoked(index) ? ('invalid' as const) : ('valid' as const),
    }));
    const made = this.successes.filter(({ flow }) => flow.name === 'API key creation');
    const validity: Validity = areInvalid ? 'invalid' : 'valid';
    return [...before, ...made.map(({ answer }) => ({ key: answer.body as MadeKey, validity }))];
  }

  /** Tokens of a first login step that must not lead to a login. */
  get invalidMfaTokens(): string[] {
    const ofRace = this.outcomes.flatMap(({ answer }): string[] => answer.body?.mfaToken ?? []);
    const areInvalid = this.startedLocked || this.effects.some(({ mfaTokens }) => mfaTokens === 'invalid');
    const areLaterOnesInvalid = this.effects.some(
      ({ endsSessionsOpenedBy }) => endsSessionsOpenedBy?.includes('second step') === true,
    );
    return [...(areInvalid ? this.subject.mfaTokens : []), ...(areLaterOnesInvalid ? ofRace : [])];
  }

  get areOneTimeTokensInvalid(): boolean {
    return this.startedLocked || this.effects.some(({ oneTimeTokens }) => oneTimeTokens === 'invalid');
  }

  /** New passwords whose change or reset has succeeded. */
  get acceptedPasswords(): string[] {
    const replaced = this.successes.filter(({ flow }) => flow.effects.password === 'replaced');
    return replaced.map(({ attempt }) => attempt.newPassword);
  }

  get isPasswordRemoved(): boolean {
    return this.effects.some(({ password }) => password === 'removed');
  }

  /** Whether a second factor is active. */
  get hasFactor(): boolean {
    if (this.has('second factor removal by the user')) return false;
    if (this.has('second factor removal by an administrator')) return false;
    return this.subject.mfaTokens.length > 0 || this.has('second factor confirmation');
  }

  /** Batches of recovery codes. Exactly one batch is valid. */
  get newRecoveryCodes(): string[][] {
    return this.successes.flatMap(({ answer }): string[][] =>
      answer.body?.recoveryCodes ? [answer.body.recoveryCodes] : [],
    );
  }

  private collectSessions(): SessionRecord[] {
    const records = new Map<string, SessionRecord>();
    for (const { sessionId, accessToken, refreshToken } of this.subject.logins) {
      const tokens = { accessTokens: [accessToken], refreshTokens: [refreshToken] };
      records.set(sessionId, { sessionId, openedBy: 'before', ...tokens });
    }
    for (const { flow, answer } of this.successes) {
      const { accessToken, refreshToken } = answer.body ?? {};
      if (accessToken === undefined) continue;
      const record = records.get(sessionIdOf(accessToken));
      if (record) {
        record.accessTokens.push(accessToken);
        if (refreshToken !== undefined) record.refreshTokens.push(refreshToken);
      } else {
        const { sessionId } = loginOf({ accessToken, refreshToken });
        const tokens = { accessTokens: [accessToken], refreshTokens: [refreshToken] };
        records.set(sessionId, { sessionId, openedBy: flow.opens ?? 'login', ...tokens });
      }
    }
    return [...records.values()];
  }
}
