/**
 * The part of https://standardschema.dev that the audit trail uses. Many validation libraries support it.
 *
 * @publicApi
 */
export interface StandardSchemaV1 {
  readonly '~standard': {
    validate(value: unknown): StandardResult | Promise<StandardResult>;
  };
}

interface StandardResult {
  readonly issues?: readonly unknown[] | undefined;
}
