import type { ExecutionContext, Type } from '@nestjs/common';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { expect, it } from 'vitest';
import { RouteMemo } from './route-memo.js';

class Base {
  handle(this: void): void {}
}
class First extends Base {}
class Second extends Base {}

const createContext = (controller: Type, handler: () => void = Base.prototype.handle): ExecutionContext =>
  new ExecutionContextHost([], controller, handler);

it('computes the value of a route once, also if the value is undefined', () => {
  const seen: string[] = [];
  const memo = new RouteMemo((handler, controller) => void seen.push(`${controller.name}.${handler.name}`));
  memo.get(createContext(First));
  memo.get(createContext(First));
  expect(seen).toEqual(['First.handle']);
});

it('keeps one value for each controller that inherits the same handler', () => {
  const memo = new RouteMemo((_handler, controller) => controller.name);
  expect(
    [createContext(First), createContext(Second), createContext(First)].map((context) => memo.get(context)),
  ).toEqual(['First', 'Second', 'First']);
});

it('keeps one value for each handler of a controller', () => {
  const memo = new RouteMemo((handler) => handler.name);
  function other(this: void): void {}
  expect([memo.get(createContext(First)), memo.get(createContext(First, other))]).toEqual(['handle', 'other']);
});
