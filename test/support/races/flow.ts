import type { Answer } from '../client.js';
import type { TestApp, Visitor } from '../harness.js';
import type { FactorState, Login, Subject } from '../accounts/subject.js';
import type { Workspace } from './workspace.js';

/** The data of one side of a race. */
export interface Attempt {
  readonly side: 0 | 1;
  readonly replica: TestApp;
  readonly subject: Subject;
  /** The session that the subject uses. */
  readonly login: Login;
  readonly administrator: Visitor;
  readonly workspace: Workspace;
  readonly newPassword: string;
  /** Token of the subject in the tenant, if the flow needs one. */
  tenantToken?: string;
}

/** What is true after a flow has succeeded, whatever happened at the same time. */
export interface Effects {
  /** The old password is invalid: it was replaced, or the account has no password now. */
  password?: 'replaced' | 'removed';
  /** Which sessions end that were opened before the race. */
  sessions?: 'all' | 'others' | 'own';
  /** Which sessions of the race end too, because they must have been opened before this flow. */
  endsSessionsOpenedBy?: readonly ('login' | 'second step')[];
  /** Tokens to reset the password, and to verify or change the address. */
  oneTimeTokens?: 'invalid';
  mfaTokens?: 'invalid';
  apiKeys?: 'invalid';
}

/** One operation of the race table. */
export interface Flow {
  readonly name: string;
  /** The login step by which the flow opens a session; undefined if it opens none. */
  readonly opens?: 'login' | 'second step';
  readonly factor?: FactorState;
  /** Whether an administrator has locked the account before the race. */
  readonly startsLocked?: boolean;
  readonly startsWithOutdatedHash?: boolean;
  readonly startsOutsideTenant?: boolean;
  readonly needsTenantToken?: boolean;
  readonly uses?: 'reset token' | 'mfa token';
  readonly success: number;
  readonly refusals: readonly number[];
  readonly effects: Effects;
  run(attempt: Attempt): Promise<Answer>;
}

/** The result of one side. */
export interface Outcome {
  readonly flow: Flow;
  readonly attempt: Attempt;
  readonly answer: Answer;
}

export function hasSucceeded({ flow, answer }: Outcome): boolean {
  return answer.status === flow.success;
}
