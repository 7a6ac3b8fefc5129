import { applyDecorators } from '@nestjs/common';
import { createBodyDecorator } from './body-rules.js';
import { parseMediaRange, type StreamedBody } from './media-types.js';

/** Metadata key of `@ApiConsumes()` of @nestjs/swagger, which an application need not install. */
const OPENAPI_CONSUMES = 'swagger/apiConsumes';

/**
 * Sets the media types that a route accepts, in place of JSON, forms and the option `acceptBodies`. Other bodies get 415. On
 * a class, it applies to the routes that the class declares.
 *
 * The handler gets JSON and forms as objects, `text/*` as a string, and other types as a Buffer, or as a stream with
 * `{ type: 'application/octet-stream', as: 'stream' }`. `multipart/form-data` is left to the interceptors of
 * `@nestjs/platform-express` (multer) and `@nestjs/platform-fastify/multipart`. The limit of the body applies to all of them.
 *
 * @throws RangeError if a type is no media type
 * @publicApi
 */
export function AcceptBody(
  ...types: [string | StreamedBody, ...(string | StreamedBody)[]]
): MethodDecorator & ClassDecorator {
  const accepted = types.map(parseMediaRange);
  return applyDecorators(createBodyDecorator({ accepted }), (target: object, _name?: unknown, descriptor?: unknown) => {
    const documented = (descriptor as PropertyDescriptor | undefined)?.value ?? target;
    const names = accepted.map(({ range }) => range);
    Reflect.defineMetadata(OPENAPI_CONSUMES, names, documented as object);
  });
}
