import { Catch, Global, Injectable, Module, type ArgumentsHost, type NestModule } from '@nestjs/common';
import { ApplicationConfig, APP_FILTER, BaseExceptionFilter, HttpAdapterHost } from '@nestjs/core';
import { moveToFront } from '../common/global-enhancers.js';
import { RequestHooksModule } from '../context/request-hooks.js';
import { SuiteRoutesModule } from '../context/suite-routes.js';
import { hasProblemMembers } from './problem.js';
import { ProblemFilter } from './problem.filter.js';
import { reportStreamErrors } from './stream-errors.js';

/**
 * The global problem filter. It runs after all filters of the application. Until {@link coverAllErrors} is called, it
 * sends the problems of the suite, and leaves all other errors to Nest.
 *
 * @internal
 */
@Catch()
@Injectable()
export class GlobalProblemFilter extends ProblemFilter {
  private readonly nestFilter: BaseExceptionFilter;
  private coversAllErrors = false;

  constructor(adapterHost: HttpAdapterHost) {
    super(adapterHost);
    this.nestFilter = new BaseExceptionFilter(adapterHost.httpAdapter);
  }

  coverAllErrors(): void {
    this.coversAllErrors = true;
  }

  override catch(error: unknown, host: ArgumentsHost): unknown {
    const isOurs = this.coversAllErrors || hasProblemMembers(error) || host.getType() !== 'http';
    // oxlint-disable-next-line promise/valid-params -- a filter of Nest, not a promise
    return isOurs ? super.catch(error, host) : this.nestFilter.catch(error, host);
  }
}

/**
 * Sends the problems that the suite throws as problem documents. It exists once, whichever modules import it.
 *
 * @internal
 */
@Global()
@Module({
  imports: [RequestHooksModule, SuiteRoutesModule],
  providers: [GlobalProblemFilter, { provide: APP_FILTER, useExisting: GlobalProblemFilter }],
  exports: [GlobalProblemFilter],
})
export class ProblemModule implements NestModule {
  constructor(
    private readonly filter: GlobalProblemFilter,
    private readonly config: ApplicationConfig,
    { httpAdapter }: HttpAdapterHost,
  ) {
    reportStreamErrors(httpAdapter, filter);
  }

  configure(): void {
    // Nest asks the last filter first.
    moveToFront(this.config, 'filters', this.filter);
  }
}
