import {
  applyDecorators,
  Controller,
  Injectable,
  Optional,
  UseFilters,
  UsePipes,
  type ArgumentMetadata,
  type ControllerOptions,
  type PipeTransform,
} from '@nestjs/common';
import { SuiteRoutes, type SuiteRouteOptions } from '../context/suite-routes.js';
import { InputReports } from '../ports/input-reports.js';
import { ProblemFilter } from '../problem/problem.filter.js';
import { createValidationPipe } from './validation.js';

/** Types that have no rules and need no conversion. */
const UNCHECKED_TYPES: ReadonlySet<unknown> = new Set([String, Object]);

/** Validates the input of the suite's own routes, so that they do not depend on a global pipe of the application. */
@Injectable()
class SuiteValidationPipe implements PipeTransform {
  private pipe: PipeTransform | undefined;

  constructor(@Optional() private readonly reports?: InputReports) {}

  transform(value: unknown, metadata: ArgumentMetadata): unknown {
    // Routes without such input work without the packages of the validation.
    if (metadata.metatype === undefined || UNCHECKED_TYPES.has(metadata.metatype)) return value;
    this.pipe ??= createValidationPipe({ onReservedName: () => this.reports?.reportReservedName() });
    return this.pipe.transform(value, metadata) as unknown;
  }
}

/**
 * A controller of the suite. Its routes validate their input and answer with problem documents in every application, with
 * and without global pipes and filters.
 *
 * @internal
 */
export function SuiteController({
  outsidePrefix,
  movedBy,
  ...options
}: ControllerOptions & SuiteRouteOptions): ClassDecorator {
  const routes = SuiteRoutes({ outsidePrefix, movedBy });
  return applyDecorators(Controller(options), routes, UsePipes(SuiteValidationPipe), UseFilters(ProblemFilter));
}
