import type { z } from 'zod';
import { auditVariables } from './variables/audit.js';
import { authVariables } from './variables/auth.js';
import { databaseVariables } from './variables/database.js';
import { httpVariables } from './variables/http.js';
import { mailVariables } from './variables/mail.js';
import { operationsVariables } from './variables/operations.js';
import { throttleVariables } from './variables/throttle.js';

/** Every environment variable, in the order of `.env.example`. */
export const VARIABLES = {
  ...httpVariables,
  ...databaseVariables,
  ...authVariables,
  ...mailVariables,
  ...throttleVariables,
  ...auditVariables,
  ...operationsVariables,
};

export type VariableName = keyof typeof VARIABLES;

/** The parsed values. */
export type Variables = { [Name in VariableName]: z.output<(typeof VARIABLES)[Name]['schema']> };

export const VARIABLE_NAMES = Object.keys(VARIABLES) as VariableName[];

/** The values that AppConfig takes over as they are, by their paths in it. */
export type VariableSettings = {
  [Name in VariableName as NonNullable<(typeof VARIABLES)[Name]['setting']>]: Variables[Name];
};
