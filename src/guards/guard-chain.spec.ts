import { Injectable, Module, type CanActivate } from '@nestjs/common';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { Test } from '@nestjs/testing';
import { DiscoveryModule } from '@nestjs/core';
import { defer, EMPTY, of } from 'rxjs';
import { beforeEach, describe, expect, it } from 'vitest';
import { ChainedGuard, GuardChain, GuardOrder } from './guard-chain.js';

type Verdict = ReturnType<CanActivate['canActivate']>;

let asked: string[] = [];
let verdicts: Record<string, () => Verdict> = {};

function answer(name: string): Verdict {
  asked.push(name);
  const verdict = verdicts[name];
  return verdict ? verdict() : true;
}

@Injectable()
@ChainedGuard({ order: GuardOrder.Authorization })
class AuthorizationGuard implements CanActivate {
  canActivate = () => answer('authorization');
}

@Injectable()
@ChainedGuard({ order: GuardOrder.Address })
class AddressGuard implements CanActivate {
  canActivate = () => answer('address');
}

@Injectable()
@ChainedGuard({ order: GuardOrder.Authentication })
class AuthenticationGuard implements CanActivate {
  canActivate = () => answer('authentication');
}

@Module({ providers: [AuthorizationGuard, AuthenticationGuard] })
class LateFirstModule {}

@Module({ imports: [DiscoveryModule, LateFirstModule], providers: [GuardChain, AddressGuard] })
class TestModule {}

const ALL = ['address', 'authentication', 'authorization'];

describe('the chain of guards', () => {
  let run: () => ReturnType<GuardChain['canActivate']>;

  beforeEach(async () => {
    asked = [];
    verdicts = {};
    const module = await Test.createTestingModule({ imports: [TestModule] }).compile();
    await module.init();
    const chain = module.get(GuardChain);
    run = () => chain.canActivate(new ExecutionContextHost([], LateFirstModule, () => undefined));
  });

  it('runs the guards by their declared order, not by the order of the modules', () => {
    expect(run()).toBe(true);
    expect(asked).toEqual(ALL);
  });

  it('is synchronous if all its guards are synchronous', () => {
    expect(run()).toBe(true);
    verdicts = { authorization: () => false };
    expect(run()).toBe(false);
  });

  it('awaits promises and observables and continues in order', async () => {
    verdicts = { address: () => Promise.resolve(true), authentication: async () => true };
    await expect(run()).resolves.toBe(true);
    expect(asked).toEqual(ALL);
  });

  it.each<[string, () => Verdict]>([
    ['false', () => false],
    ['a promise of false', () => Promise.resolve(false)],
    ['an observable of false', () => of(false)],
    ['an empty observable', () => EMPTY],
    ['undefined', () => undefined as unknown as boolean],
    ['a promise of undefined', () => Promise.resolve(undefined as unknown as boolean)],
    ['a value that is not a boolean', () => 'yes' as unknown as boolean],
  ])('stops at the first guard that returns %s', async (_what, verdict) => {
    verdicts = { authentication: verdict };
    expect(await run()).toBe(false);
    expect(asked).toEqual(['address', 'authentication']);
  });

  it('accepts an observable of true', async () => {
    verdicts = { address: () => defer(() => of(true)) };
    expect(await run()).toBe(true);
    expect(asked).toEqual(ALL);
  });

  it.each<[string, () => Verdict]>([
    [
      'throws',
      () => {
        throw new Error('closed');
      },
    ],
    ['rejects', () => Promise.reject(new Error('closed'))],
  ])('fails if a guard %s, and runs no further guard', async (_what, verdict) => {
    verdicts = { authentication: verdict };
    await expect(async () => run()).rejects.toThrow('closed');
    expect(asked).toEqual(['address', 'authentication']);
  });
});
