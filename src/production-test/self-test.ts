import { DiscoveryService } from '@nestjs/core';
import type { CheckDescription, CheckOutcome } from '../reports/index.js';

/** Injection token of the time limit of a run, in milliseconds. */
export const RUN_TIMEOUT_MS = Symbol('bulwark.selfTestTimeout');

/** A test of a protection of the running application. @publicApi */
export interface SelfTestCheck extends CheckDescription {
  /** Name, such as `headers.nosniff`. The part before the first dot is the group. */
  readonly name: string;
  /** What is true if the check passes, in one sentence. */
  readonly title: string;
  /** Standard that requires the protection. */
  readonly reference: string;
  run(): Promise<CheckOutcome>;
}

/** A provider with several checks. @publicApi */
export interface SelfTestSuite {
  readonly checks: readonly SelfTestCheck[];
}

/** Adds a provider to the self-tests. The provider is a SelfTestCheck or a SelfTestSuite. @publicApi */
export const SelfTest = DiscoveryService.createDecorator();
