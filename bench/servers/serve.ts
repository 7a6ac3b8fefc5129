import type { AddressInfo } from 'node:net';
import type { INestApplication } from '@nestjs/common';
import { answer, cpuMicros, type Order } from '../harness/protocol.js';

/** Starts the application on a free port, informs the harness, and closes it when the harness disconnects. */
export async function serve(create: () => Promise<INestApplication>): Promise<void> {
  try {
    const app = await create();
    process.once('disconnect', () => void app.close().finally(() => process.exit()));
    if (!process.connected) process.exit();
    process.on('message', (order: Order) => {
      if (order.type === 'cpu') answer({ type: 'cpu', micros: cpuMicros() });
    });
    await app.listen(0, '127.0.0.1');
    const { port } = app.getHttpServer().address() as AddressInfo;
    answer({ type: 'ready', port });
  } catch (error) {
    answer({ type: 'failed', reason: `did not start: ${error instanceof Error ? error.stack : String(error)}` });
    process.disconnect?.();
    process.exitCode = 1;
  }
}

/** A variable that the scenario must set. */
export function required(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`the scenario sets no ${name}`);
  return value;
}
