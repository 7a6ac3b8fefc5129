import type { StandardSchemaV1 } from '@standard-schema/spec';
import { ProblemException, type FieldError } from '../problem/index.js';

/** A schema of any library that implements https://standardschema.dev, such as zod and valibot. @publicApi */
export type StandardSchema = StandardSchemaV1;

/** The type of a value after validation: `@Body({ schema }) body: SchemaOutput<typeof schema>`. @publicApi */
export type SchemaOutput<S extends StandardSchema> = NonNullable<S['~standard']['types']>['output'];

/** Maximum number of errors in a response. A client can send a body with thousands of invalid fields. */
export const MAX_ERRORS = 50;
export const MAX_FIELD_PATH_LENGTH = 200;
const MAX_MESSAGE_LENGTH = 200;

/** Code and message for an unknown field. They are the same for all validation libraries. */
export const UNKNOWN_FIELD = { code: 'whitelistValidation', message: 'the field is not known' };

/** An issue with the members that zod and valibot add to the standard. */
interface Issue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
  /** zod: the kind of the issue. For unknown keys, `keys` has their names. */
  readonly code?: unknown;
  readonly keys?: readonly string[];
  /** valibot: the kind of the issue, the expected value and the received value. */
  readonly type?: unknown;
  readonly expected?: unknown;
  readonly received?: unknown;
}

/**
 * Validates a value with a schema and returns the output of the schema.
 *
 * @param field name of the field, if the value is one field of a body or query
 * @throws ProblemException `VALIDATION_FAILED`
 */
export async function validateWithSchema(schema: StandardSchema, value: unknown, field?: string): Promise<unknown> {
  const checked = schema['~standard'].validate(value);
  const result = checked instanceof Promise ? await checked : checked;
  if (!result.issues) return result.value;
  throw createValidationProblem((result.issues as readonly Issue[]).flatMap((issue) => toFieldErrors(issue, field)));
}

export function createValidationProblem(errors: FieldError[]): ProblemException {
  return new ProblemException('VALIDATION_FAILED', 'Correct the fields listed in "errors".', {
    errors: errors.slice(0, MAX_ERRORS),
  });
}

function toFieldErrors(issue: Issue, field: string | undefined): FieldError[] {
  const path = [...(field === undefined ? [] : [field]), ...(issue.path ?? []).map(toPathSegment)];
  if (issue.code === 'unrecognized_keys' && issue.keys) {
    return issue.keys.slice(0, MAX_ERRORS).map((key) => ({ path: toPath([...path, key]), ...UNKNOWN_FIELD }));
  }
  if (issue.type === 'strict_object' && issue.expected === 'never') return [{ path: toPath(path), ...UNKNOWN_FIELD }];
  return [{ path: toPath(path), code: getCode(issue), message: getMessage(issue) }];
}

function toPathSegment(segment: PropertyKey | { readonly key: PropertyKey }): string {
  return String(typeof segment === 'object' ? segment.key : segment);
}

function toPath(segments: readonly string[]): string {
  return segments.join('.').slice(0, MAX_FIELD_PATH_LENGTH);
}

function getCode({ code, type }: Issue): string {
  const kind = code ?? type;
  return typeof kind === 'string' ? kind : 'invalid';
}

/** Returns the message without the value. valibot includes the received value, which may be a password. */
function getMessage({ message, received, expected }: Issue): string {
  const isRepeated = typeof received === 'string' && received !== '' && message.includes(received);
  const text = isRepeated ? `expected ${typeof expected === 'string' ? expected : 'another value'}` : message;
  return text.slice(0, MAX_MESSAGE_LENGTH);
}
