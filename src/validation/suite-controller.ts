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
import { InputReports } from '../ports/input-reports.js';
import { ProblemFilter } from '../problem/problem.filter.js';
import { createValidationPipe } from './validation.js';

/** Validates the input of the suite's own routes, so that they do not depend on a global pipe of the application. */
@Injectable()
class SuiteValidationPipe implements PipeTransform {
  private readonly pipe;

  constructor(@Optional() reports?: InputReports) {
    this.pipe = createValidationPipe({ onReservedName: () => reports?.reportReservedName() });
  }

  transform(value: unknown, metadata: ArgumentMetadata): Promise<unknown> {
    return this.pipe.transform(value, metadata) as Promise<unknown>;
  }
}

/**
 * A controller of the suite. Its routes validate their input and answer with problem documents in every application, with
 * and without global pipes and filters.
 *
 * @internal
 */
export function SuiteController(options: ControllerOptions): ClassDecorator {
  return applyDecorators(Controller(options), UsePipes(SuiteValidationPipe), UseFilters(ProblemFilter));
}
