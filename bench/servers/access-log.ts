import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import pino from 'pino';

const { req, res, err } = pino.stdSerializers;

/**
 * The same work as pino-http with its defaults: a child logger with the serialised request, and one line when the
 * response ends, with the serialised response and the elapsed time. The request id is created as in its README.
 */
export function accessLog() {
  const logger = pino({ serializers: { req, res, err } });

  return (
    request: IncomingMessage & { id?: string; log?: pino.Logger },
    response: ServerResponse,
    next: () => void,
  ) => {
    const started = Date.now();
    request.id = randomUUID();
    response.setHeader('X-Request-Id', request.id);
    const log = (request.log = logger.child({ req: request }));

    const onEnd = () => {
      response.off('finish', onEnd);
      response.off('close', onEnd);
      log.info(
        { res: response, responseTime: Date.now() - started },
        response.writableEnded ? 'request completed' : 'request aborted',
      );
    };
    response.on('finish', onEnd);
    response.on('close', onEnd);
    next();
  };
}
