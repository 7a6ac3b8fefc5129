import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { Controller, Get, Injectable, UseGuards, type ExecutionContext } from '@nestjs/common';
import { GqlExecutionContext, GraphQLModule, Query, Resolver } from '@nestjs/graphql';
import { MercuriusDriver, type MercuriusDriverConfig } from '@nestjs/mercurius';
import { ClientProxyFactory, MessagePattern, Transport } from '@nestjs/microservices';
import { WsAdapter } from '@nestjs/platform-ws';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { lastValueFrom } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { ThrottlerGuard, ThrottlerModule } from '../../src/throttler/index.js';
import { freePort } from '../support/ports.js';
import { ThrottledApp } from '../support/throttled-app.js';

// Applications that serve another protocol and HTTP, where one HTTP request a minute is allowed.

@Controller()
class HttpController {
  @Get('http')
  http() {
    return 'http';
  }
}

@WebSocketGateway({ path: '/socket' })
@UseGuards(ThrottlerGuard)
class EchoGateway {
  @SubscribeMessage('echo')
  echo() {
    return { event: 'echo', data: 'echoed' };
  }
}

@Controller()
@UseGuards(ThrottlerGuard)
class SumController {
  @MessagePattern('sum')
  sum(numbers: number[]) {
    return numbers.reduce((sum, number) => sum + number, 0);
  }
}

@Resolver()
class GreetingResolver {
  @Query(() => String)
  greeting() {
    return 'hello';
  }
}

/** From the documentation of @nestjs/throttler. */
@Injectable()
class GraphQlThrottlerGuard extends ThrottlerGuard {
  protected override getRequestResponse(context: ExecutionContext) {
    return GqlExecutionContext.create(context).getContext<{ req: Record<string, never>; res: Record<string, never> }>();
  }
}

@Resolver()
@UseGuards(GraphQlThrottlerGuard)
class LimitedResolver {
  @Query(() => String)
  limited() {
    return 'limited';
  }
}

const one = { tiers: { default: { limit: 1 } } };
const graphql = () =>
  GraphQLModule.forRoot<MercuriusDriverConfig>({
    driver: MercuriusDriver,
    autoSchemaFile: true,
    context: (req: unknown, res: unknown) => ({ req, res }),
  });

let app: ThrottledApp;
afterEach(() => app.stop());

/** Checks that HTTP of the same application is limited. */
async function expectHttpToBeLimited(): Promise<void> {
  expect(await app.statuses(2, '/http', { from: '127.80.0.1' })).toEqual([200, 429]);
}

describe('an application that serves another protocol and HTTP', () => {
  it('does not limit messages over WebSocket', async () => {
    app = await ThrottledApp.start(
      'fastify',
      { imports: [ThrottlerModule.forRoot(one)], controllers: [HttpController], providers: [EchoGateway] },
      (nest) => void nest.useWebSocketAdapter(new WsAdapter(nest)),
    );
    await expectHttpToBeLimited();
    const { port } = app.app.getHttpServer().address() as AddressInfo;
    const socket = new WebSocket(`ws://127.0.0.1:${port}/socket`);
    await once(socket, 'open');
    for (let i = 0; i < 5; i++) {
      const answer = once(socket, 'message');
      socket.send(JSON.stringify({ event: 'echo', data: {} }));
      const [message] = (await answer) as [Buffer];
      expect(JSON.parse(message.toString())).toEqual({ event: 'echo', data: 'echoed' });
    }
    socket.terminate();
  });

  it('does not limit calls of a microservice', async () => {
    const port = await freePort();
    const options = { host: '127.0.0.1', port };
    app = await ThrottledApp.start(
      'fastify',
      { imports: [ThrottlerModule.forRoot(one)], controllers: [HttpController, SumController] },
      async (nest) => {
        nest.connectMicroservice({ transport: Transport.TCP, options }, { inheritAppConfig: true });
        await nest.startAllMicroservices();
      },
    );
    await expectHttpToBeLimited();
    const client = ClientProxyFactory.create({ transport: Transport.TCP, options });
    try {
      for (let i = 0; i < 5; i++) expect(await lastValueFrom(client.send('sum', [1, 2, 3]))).toBe(6);
    } finally {
      await client.close();
    }
  });

  it('limits GraphQL only by a guard that overrides getRequestResponse()', async () => {
    app = await ThrottledApp.start('fastify', {
      imports: [ThrottlerModule.forRoot(one), graphql()],
      controllers: [HttpController],
      providers: [GreetingResolver, LimitedResolver],
    });
    await expectHttpToBeLimited();
    const ask = (query: string) => app.send('POST', '/graphql', { body: { query }, from: '127.80.0.2' });
    for (let i = 0; i < 5; i++) expect((await ask('{ greeting }')).body).toEqual({ data: { greeting: 'hello' } });
    const first = await ask('{ limited }');
    expect(first.body).toEqual({ data: { limited: 'limited' } });
    expect(first.headers['ratelimit-policy']).toBe('"default";q=1;w=60');
    const second = await ask('{ limited }');
    expect(second.body.errors).toHaveLength(1);
    expect(second.body.errors[0].message).toMatch(/At most 1 requests/);
    expect(Number(second.headers['retry-after'])).toBeGreaterThan(0);
  });
});
