import type { ExecutionContext, Type } from '@nestjs/common';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { expect, it } from 'vitest';
import { RouteMemo } from './route-memo.js';

class Base {
  handle(this: void): void {}
}
class First extends Base {}
class Second extends Base {}

const contextOf = (controller: Type, handler: () => void = Base.prototype.handle): ExecutionContext =>
  new ExecutionContextHost([], controller, handler);

it('works a route out once, also when the result is undefined', () => {
  const seen: string[] = [];
  const memo = new RouteMemo((handler, controller) => void seen.push(`${controller.name}.${handler.name}`));
  memo.get(contextOf(First));
  memo.get(contextOf(First));
  expect(seen).toEqual(['First.handle']);
});

it('tells controllers apart that inherit the same handler', () => {
  const memo = new RouteMemo((_handler, controller) => controller.name);
  expect([contextOf(First), contextOf(Second), contextOf(First)].map((context) => memo.get(context))).toEqual([
    'First',
    'Second',
    'First',
  ]);
});

it('tells handlers of one controller apart', () => {
  const memo = new RouteMemo((handler) => handler.name);
  function other(this: void): void {}
  expect([memo.get(contextOf(First)), memo.get(contextOf(First, other))]).toEqual(['handle', 'other']);
});
