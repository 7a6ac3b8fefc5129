/** The part of https://standardschema.dev that is needed here, so that any validation library will do. @publicApi */
export interface StandardSchemaV1 {
  readonly '~standard': {
    validate(value: unknown): StandardResult | Promise<StandardResult>;
  };
}

interface StandardResult {
  readonly issues?: readonly unknown[] | undefined;
}
