import type { DoctorCheck } from '../doctor.check.js';
import { authenticationChecks } from './authentication.checks.js';
import { bodyChecks } from './bodies.checks.js';
import { compressionChecks } from './compression.checks.js';
import { corsChecks } from './cors.checks.js';
import { errorChecks } from './errors.checks.js';
import { exposureChecks } from './exposure.checks.js';
import { headerChecks } from './headers.checks.js';
import { methodAndPathChecks } from './methods-and-paths.checks.js';
import { privacyChecks } from './privacy.checks.js';
import { probeChecks } from './probes.checks.js';
import { throttleChecks } from './throttle.checks.js';
import { tlsChecks } from './tls.checks.js';

/** All checks, in the order in which they run. Checks that use up rate limits are last. */
export const DOCTOR_CHECKS: readonly DoctorCheck[] = [
  ...probeChecks,
  ...tlsChecks,
  ...headerChecks,
  ...corsChecks,
  ...errorChecks,
  ...methodAndPathChecks,
  ...bodyChecks,
  ...compressionChecks,
  ...authenticationChecks,
  ...privacyChecks,
  ...exposureChecks,
  ...throttleChecks,
];
