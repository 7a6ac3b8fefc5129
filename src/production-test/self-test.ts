import { DiscoveryService } from '@nestjs/core';
import type { CheckDescription, CheckFinding } from '../reports/index.js';

/** Token for the longest that a run may take, in milliseconds. */
export const RUN_TIMEOUT_MS = Symbol('bulwark.selfTestTimeout');

/** A protection that can be tried on the running application. @publicApi */
export interface SelfTestCheck extends CheckDescription {
  /** Name, such as `headers.nosniff`; the part before the first dot is its group. */
  readonly name: string;
  /** What holds when the check passes, in one sentence. */
  readonly title: string;
  /** Standard or requirement that asks for the protection. */
  readonly reference: string;
  run(): Promise<CheckFinding>;
}

/** A provider of several checks. @publicApi */
export interface SelfTestSuite {
  readonly checks: readonly SelfTestCheck[];
}

/** Makes a provider, which is a SelfTestCheck or a SelfTestSuite, part of the self-tests. @publicApi */
export const SelfTest = DiscoveryService.createDecorator();
