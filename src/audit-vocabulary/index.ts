import type { SuiteAction } from './action.js';
import { administrationActions } from './administration.actions.js';
import { authActions } from './auth.actions.js';
import { requestActions } from './request.actions.js';

export { OCSF, type AuditSeverity, type OcsfType, type SuiteAction } from './action.js';

/** Every action that the suite records. */
export const SUITE_ACTIONS = { ...requestActions, ...authActions, ...administrationActions };

type SuiteActions = typeof SUITE_ACTIONS;

/** Metadata of each action of the suite. @publicApi */
export type SuiteAuditActions = {
  [Action in keyof SuiteActions]: SuiteActions[Action] extends SuiteAction<infer Metadata> ? Metadata : never;
};

/** The first words of the names of the suite: `auth`, `user`, … */
export type SuiteActionGroup = keyof SuiteActions extends infer Name
  ? Name extends `${infer Group}.${string}`
    ? Group
    : never
  : never;
