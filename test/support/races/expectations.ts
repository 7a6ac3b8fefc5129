import { loginOf, sessionIdOf, type MadeKey, type Subject } from '../accounts/subject.js';
import { hasSucceeded, type Effects, type Outcome } from './flow.js';

type Fate = 'lives' | 'dead' | 'either';

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

  fateOf({ sessionId, openedBy }: SessionRecord): Fate {
    if (this.startedLocked && openedBy === 'before') return 'dead';
    for (const { flow, attempt } of this.successes) {
      const { sessions, endsOpenedBy = [] } = flow.effects;
      const isOwn = attempt.login.sessionId === sessionId;
      if (openedBy !== 'before' && endsOpenedBy.includes(openedBy)) return 'dead';
      if (sessions === 'own' && isOwn) return 'dead';
      if (openedBy === 'before' && (sessions === 'all' || (sessions === 'others' && !isOwn))) return 'dead';
    }
    const endsSome = this.effects.some(({ sessions }) => sessions === 'all' || sessions === 'others');
    return openedBy === 'before' || !endsSome ? 'lives' : 'either';
  }

  get apiKeys(): { key: MadeKey; fate: Fate }[] {
    const areVoid = this.startedLocked || this.effects.some(({ apiKeys }) => apiKeys === 'void');
    const isRevoked = (index: number) => index === 1 && this.has('a revocation of an API key');
    const before = this.subject.apiKeys.map((key, index) => ({
      key,
      fate: areVoid || isRevoked(index) ? ('dead' as const) : ('lives' as const),
    }));
    const made = this.successes.filter(({ flow }) => flow.name === 'a new API key');
    const fate: Fate = areVoid ? 'dead' : 'lives';
    return [...before, ...made.map(({ answer }) => ({ key: answer.body as MadeKey, fate }))];
  }

  /** Tokens of a first login step that must not lead to a login. */
  get deadMfaTokens(): string[] {
    const ofRace = this.outcomes.flatMap(({ answer }): string[] => answer.body?.mfaToken ?? []);
    const areVoid = this.startedLocked || this.effects.some(({ mfaTokens }) => mfaTokens === 'void');
    const areLateVoid = this.effects.some(({ endsOpenedBy }) => endsOpenedBy?.includes('second step') === true);
    return [...(areVoid ? this.subject.mfaTokens : []), ...(areLateVoid ? ofRace : [])];
  }

  get areOneTimeTokensDead(): boolean {
    return this.startedLocked || this.effects.some(({ oneTimeTokens }) => oneTimeTokens === 'void');
  }

  /** New passwords whose change or reset has succeeded. */
  get acceptedPasswords(): string[] {
    const replaced = this.successes.filter(({ flow }) => flow.effects.password === 'replaced');
    return replaced.map(({ attempt }) => attempt.newPassword);
  }

  get isPasswordVoided(): boolean {
    return this.effects.some(({ password }) => password === 'voided');
  }

  /** Whether a second factor is active. */
  get hasFactor(): boolean {
    if (this.has('the removal of the factor by its owner')) return false;
    if (this.has('the removal of the factor by an administrator')) return false;
    return this.subject.mfaTokens.length > 0 || this.has('the confirmation of an enrolment');
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
