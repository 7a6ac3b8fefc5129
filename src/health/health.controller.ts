import { Get, Header, Req, Res, VERSION_NEUTRAL, type Type } from '@nestjs/common';
import type { AdapterRequest } from '../context/index.js';
import { AlsoOnMainPort, Operational } from '../guards/index.js';
import { SuiteController } from '../validation/index.js';
import { HealthAnswers } from './health.answers.js';

export const DEFAULT_HEALTH_PATH = 'health';

const NO_STORE = 'no-store';

/** Creates the controller of the probes, for Kubernetes, load balancers and people, at the path of an application. */
export function createHealthController(path: string): Type {
  const base = path.split('/').filter(Boolean).join('/');
  // The short names are known at the root only. Where the probes have moved, nothing stays outside of their path.
  const withAlias = (probe: string, alias: string) => [
    [base, probe].filter(Boolean).join('/'),
    base === DEFAULT_HEALTH_PATH ? alias : [base, alias].filter(Boolean).join('/'),
  ];

  @SuiteController({
    version: VERSION_NEUTRAL,
    outsidePrefix: true,
    movedBy: "HealthModule.forRoot({ path: 'probes' })",
  })
  @Operational()
  class HealthController {
    constructor(private readonly answers: HealthAnswers) {}

    /** Whether the process should be restarted. Checks no dependency, because a restart would not repair it. */
    @Get(withAlias('live', 'livez'))
    @AlsoOnMainPort()
    @Header('Cache-Control', NO_STORE)
    live(@Req() request: AdapterRequest, @Res() response: object): Promise<void> {
      return this.answers.sendLiveness(request, response);
    }

    /** Whether traffic should be sent here. During a shutdown it fails without running checks, before the port closes. */
    @Get(withAlias('ready', 'readyz'))
    @AlsoOnMainPort()
    @Header('Cache-Control', NO_STORE)
    ready(@Req() request: AdapterRequest, @Res() response: object): Promise<void> {
      return this.answers.sendReadiness(request, response);
    }

    /** Whether the start is complete. After the first success it always succeeds; the other probes show later failures. */
    @Get(`${base}/startup`)
    @Header('Cache-Control', NO_STORE)
    startup(@Req() request: AdapterRequest, @Res() response: object): Promise<void> {
      return this.answers.sendStartup(request, response);
    }

    /** State of the application. */
    @Get(withAlias('', 'healthz'))
    @Header('Cache-Control', NO_STORE)
    full(@Req() request: AdapterRequest, @Res() response: object): Promise<void> {
      return this.answers.sendGroup('full', request, response);
    }

    /** State of the application and of the services that it depends on. */
    @Get(`${base}/deep`)
    @Header('Cache-Control', NO_STORE)
    deep(@Req() request: AdapterRequest, @Res() response: object): Promise<void> {
      return this.answers.sendGroup('deep', request, response);
    }
  }

  return HealthController;
}
