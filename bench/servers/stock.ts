// The usual production packages, each set up as its documentation shows.
import 'reflect-metadata';
import fastifyCompress from '@fastify/compress';
import {
  type CallHandler,
  Controller,
  type ExecutionContext,
  Get,
  Injectable,
  Module,
  type NestInterceptor,
  UseGuards,
} from '@nestjs/common';
import { APP_GUARD, APP_INTERCEPTOR, NestFactory } from '@nestjs/core';
import { AuthGuard, PassportModule, PassportStrategy } from '@nestjs/passport';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { ThrottlerGuard, ThrottlerModule } from '@nestjs/throttler';
import compression from 'compression';
import helmet from 'helmet';
import { ExtractJwt, Strategy } from 'passport-jwt';
import { collectDefaultMetrics, Histogram } from 'prom-client';
import { finalize } from 'rxjs';
import { accessLog } from './access-log.js';
import { required, serve } from './serve.js';

@Injectable()
class JwtStrategy extends PassportStrategy(Strategy) {
  constructor() {
    super({
      jwtFromRequest: ExtractJwt.fromAuthHeaderAsBearerToken(),
      ignoreExpiration: false,
      secretOrKey: required('JWT_SECRET'),
    });
  }

  validate(payload: { sub: string; email: string }) {
    return { userId: payload.sub, email: payload.email };
  }
}

@Injectable()
class MetricsInterceptor implements NestInterceptor {
  private readonly duration = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Duration of HTTP requests in seconds',
    labelNames: ['method', 'route', 'status'],
  });

  intercept(context: ExecutionContext, next: CallHandler) {
    const http = context.switchToHttp();
    const request = http.getRequest<{ method: string; route?: { path: string }; routeOptions?: { url: string } }>();
    const stop = this.duration.startTimer();
    return next.handle().pipe(
      finalize(() =>
        stop({
          method: request.method,
          route: request.route?.path ?? request.routeOptions?.url,
          status: http.getResponse<{ statusCode: number }>().statusCode,
        }),
      ),
    );
  }
}

@Controller('bench')
class HelloController {
  @UseGuards(AuthGuard('jwt'))
  @Get('hello')
  hello() {
    return { hello: 'world' };
  }
}

@Module({
  imports: [PassportModule, ThrottlerModule.forRoot([{ ttl: 60_000, limit: 1_000_000_000 }])],
  controllers: [HelloController],
  providers: [
    JwtStrategy,
    { provide: APP_GUARD, useClass: ThrottlerGuard },
    { provide: APP_INTERCEPTOR, useClass: MetricsInterceptor },
  ],
})
class StockModule {}

const options = { abortOnError: false, logger: ['error' as const] };

async function onExpress() {
  const app = await NestFactory.create<NestExpressApplication>(StockModule, options);
  app.set('trust proxy', 'loopback');
  app.use(accessLog());
  app.use(helmet());
  app.use(compression());
  return app;
}

async function onFastify() {
  const adapter = new FastifyAdapter({ trustProxy: 'loopback' });
  const app = await NestFactory.create<NestFastifyApplication>(StockModule, adapter, options);
  app.use(accessLog());
  app.use(helmet());
  await app.register(fastifyCompress);
  return app;
}

await serve(() => {
  collectDefaultMetrics();
  return required('HTTP_ADAPTER') === 'fastify' ? onFastify() : onExpress();
});
