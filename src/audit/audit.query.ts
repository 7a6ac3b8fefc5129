import { z } from 'zod';
import { ProblemException } from '../problem/index.js';

const text = z.string().min(1).max(512).optional();

const time = z
  .string()
  .regex(/^\d{4}-\d{2}-\d{2}(?:T[\d:.]+(?:Z|[+-]\d{2}:\d{2}))?$/, 'is not a time such as 2026-01-31T12:00:00Z')
  .pipe(z.coerce.date())
  .optional();

const live = {
  actor: text,
  action: text,
  outcome: z.enum(['success', 'failure', 'denied']).optional(),
  severity: z.enum(['INFO', 'WARNING', 'ERROR', 'CRITICAL']).optional(),
  tenant: text,
  target: text,
  requestId: text,
};

const filter = { from: time, to: time, ...live };

export const pageQuery = z.strictObject({
  ...filter,
  limit: z.coerce.number().int().min(1).max(500).default(50),
  /** `next` of the previous page. */
  after: z.uuid().optional(),
});

export const exportQuery = z.strictObject({ ...filter, format: z.enum(['ndjson', 'csv']).default('ndjson') });

/** The query of a live tail. It has no time range. */
export const streamQuery = z.strictObject(live);

/**
 * Uses zod, which is a dependency of the suite, so the module needs no other validation library.
 *
 * @throws ProblemException `VALIDATION_FAILED`
 */
export function parsedQuery<T>(schema: z.ZodType<T>, query: unknown): T {
  const result = schema.safeParse(query);
  if (result.success) return result.data;
  const errors = result.error.issues.map(({ path, code, message }) => ({ path: path.join('.'), code, message }));
  throw new ProblemException('VALIDATION_FAILED', 'The query is not valid. The field "errors" lists the problems.', {
    errors,
  });
}
