import type { Answer } from '../client.js';
import type { TestApp, Visitor } from '../harness.js';
import type { FactorState, Login, Subject } from '../accounts/subject.js';
import type { Workspace } from './workspace.js';

/** Everything that one side of a race works with. */
export interface Attempt {
  readonly side: 0 | 1;
  readonly replica: TestApp;
  readonly subject: Subject;
  /** The session that the subject acts by. */
  readonly login: Login;
  readonly administrator: Visitor;
  readonly workspace: Workspace;
  readonly newPassword: string;
  /** Token of the subject in the tenant, where the flow needs one. */
  tenantToken?: string;
}

/** What holds after a flow has succeeded, whatever else happened at the same moment. */
export interface Effects {
  /** The password from before is void: for a new one, or for none. */
  password?: 'replaced' | 'voided';
  /** Sessions from before that end. */
  sessions?: 'all' | 'others' | 'own';
  /** Sessions that can only have been opened before, and so have ended as well. */
  endsOpenedBy?: readonly ('login' | 'second step')[];
  /** Reset, verification and change of the address. */
  oneTimeTokens?: 'void';
  mfaTokens?: 'void';
  apiKeys?: 'void';
  account?: 'locked' | 'unlocked' | 'deactivated' | 'deleted';
}

/** One operation of the race table. */
export interface Flow {
  readonly name: string;
  /** Whether its success opens a session, and by which step. */
  readonly opens?: 'login' | 'second step';
  readonly factor?: FactorState;
  /** Whether the account is locked by an administrator at the start. */
  readonly startsLocked?: boolean;
  readonly startsOutdated?: boolean;
  readonly startsOutside?: boolean;
  readonly needsTenantToken?: boolean;
  readonly uses?: 'reset token' | 'mfa token';
  readonly success: number;
  readonly refusals: readonly number[];
  readonly effects: Effects;
  run(attempt: Attempt): Promise<Answer>;
}

/** What came of one side. */
export interface Outcome {
  readonly flow: Flow;
  readonly attempt: Attempt;
  readonly answer: Answer;
}

export function hasSucceeded({ flow, answer }: Outcome): boolean {
  return answer.status === flow.success;
}
