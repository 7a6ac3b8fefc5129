export { type SchemaOutput, type StandardSchema } from './schema-validation.js';
export { type ValidationOptions, createValidationPipe } from './validation.js';

// For other folders of this project. The published types do not have these names.
/** @internal */
export { assertNoReservedKeys, assertNoReservedNames } from './reserved-keys.js';
/** @internal */
export { SuiteController } from './suite-controller.js';
