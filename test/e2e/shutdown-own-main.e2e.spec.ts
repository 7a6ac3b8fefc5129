import type { AddressInfo } from 'node:net';
import {
  Controller,
  Get,
  Injectable,
  Module,
  type BeforeApplicationShutdown,
  type INestApplication,
  type OnModuleDestroy,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { OnShutdown, ShutdownModule, ShutdownPhase, type ShutdownParticipant } from '../../src/shutdown/index.js';
import { createAdapter, onBothAdapters } from '../support/harness.js';
import { until } from '../support/until.js';

const order: string[] = [];
let app: INestApplication | undefined;

function isPortOpen(): boolean {
  return (app?.getHttpServer() as { listening: boolean } | undefined)?.listening === true;
}

function participant(phase: ShutdownPhase) {
  @Injectable()
  @OnShutdown({ phase })
  class Participant implements ShutdownParticipant {
    onShutdown(): void {
      order.push(`${ShutdownPhase[phase]}${isPortOpen() ? ', port open' : ''}`);
    }
  }
  return Participant;
}

@Controller('work')
class WorkController {
  static finish: () => void = () => undefined;
  static hasBegun = false;

  @Get()
  work(): Promise<object> {
    WorkController.hasBegun = true;
    return new Promise((done) => (WorkController.finish = () => done({ work: 'done' })));
  }
}

/** The root module is the one whose hooks Nest calls first when the application closes. */
@Module({
  imports: [ShutdownModule.forRoot({})],
  controllers: [WorkController],
  providers: [
    participant(ShutdownPhase.Drain),
    participant(ShutdownPhase.StopIntake),
    participant(ShutdownPhase.Flush),
    participant(ShutdownPhase.Close),
  ],
})
class ConsumerModule implements OnModuleDestroy, BeforeApplicationShutdown {
  onModuleDestroy = () => void order.push('onModuleDestroy');
  beforeApplicationShutdown = () => void order.push('beforeApplicationShutdown');
}

const PHASES = ['StopIntake', 'Flush', 'Close'];
const NEST_HOOKS = ['onModuleDestroy', 'beforeApplicationShutdown'];

afterEach(() => {
  order.length = 0;
  WorkController.hasBegun = false;
  app = undefined;
});

onBothAdapters('app.close() in an application with its own main.ts', (adapter) => {
  const create = async () =>
    (app = await NestFactory.create(ConsumerModule, createAdapter(adapter), { logger: false, abortOnError: false }));

  it('runs the phases before the hooks of Nest, and finishes requests in flight', async () => {
    const app = await create();
    await app.listen(0, '127.0.0.1');
    const { port } = app.getHttpServer().address() as AddressInfo;
    const answer = fetch(`http://127.0.0.1:${port}/work`).then((response) => response.json());
    await until('the request is in flight', () => WorkController.hasBegun);
    const closed = app.close();
    await until('the port is closed', () => order.includes('StopIntake'));
    expect(order).toEqual(['Drain, port open', 'StopIntake']);
    WorkController.finish();
    expect(await answer).toEqual({ work: 'done' });
    await closed;
    expect(order).toEqual(['Drain, port open', ...PHASES, ...NEST_HOOKS]);
  });

  it('runs the phases once, however often it is called', async () => {
    const app = await create();
    await app.listen(0, '127.0.0.1');
    await Promise.all([app.close(), app.close()]);
    await app.close();
    expect(order.filter((step) => !NEST_HOOKS.includes(step))).toEqual(['Drain, port open', ...PHASES]);
  });

  it('works without a port, as in tests with supertest', async () => {
    const app = await create();
    await app.init();
    await app.close();
    expect(order).toEqual(['Drain', ...PHASES, ...NEST_HOOKS]);
  });

  it('works before the application is initialised', async () => {
    const app = await create();
    await app.close();
    expect(order).toEqual(['Drain', ...PHASES, ...NEST_HOOKS]);
  });

  it('leaves no port open when it is called during the start', async () => {
    const app = await create();
    const started = app.listen(0, '127.0.0.1').catch(() => undefined);
    await app.close();
    await started;
    await until('the port is closed', () => !isPortOpen());
    expect(order).toContain('Close');
  });

  it('works in a testing module', async () => {
    const module = await Test.createTestingModule({ imports: [ConsumerModule] }).compile();
    const app = module.createNestApplication(createAdapter(adapter), { logger: false });
    await app.init();
    await app.close();
    expect(order).toEqual(['Drain', ...PHASES, ...NEST_HOOKS]);
  });
});

describe('the shutdown of an application without HTTP', () => {
  it('runs the phases in an application context', async () => {
    const context = await NestFactory.createApplicationContext(ConsumerModule, { logger: false });
    await context.close();
    expect(order).toEqual(['Drain', ...PHASES, ...NEST_HOOKS]);
  });

  it('runs the phases in a microservice', async () => {
    const service = await NestFactory.createMicroservice(ConsumerModule, { logger: false, options: { port: 0 } });
    await service.listen();
    await service.close();
    expect(order).toEqual(['Drain', ...PHASES, ...NEST_HOOKS]);
  });
});
