import type { TestPrincipal } from './test-principal.js';

/** @publicApi */
export interface TestAuthModuleOptions {
  /** The caller of every request without a header of `actAs()`. @default no caller: such requests are anonymous */
  as?: TestPrincipal;
}

export const TEST_AUTH_OPTIONS = Symbol('bulwark.testAuthOptions');
