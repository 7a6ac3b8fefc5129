import { Injectable } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { expect, it } from 'vitest';
import { AppConfig } from './app-config.js';
import { ConfigModule } from './config.module.js';
import { loadConfig } from './load-config.js';

@Injectable()
class Feature {
  constructor(readonly config: AppConfig) {}
}

it('the configuration can be injected by its class in modules without imports', async () => {
  const { config } = loadConfig({ PORT: '81' });
  const module = { module: class FeatureModule {}, providers: [Feature] };
  const app = await Test.createTestingModule({ imports: [ConfigModule.forRoot(config), module] }).compile();
  expect(app.get(Feature).config).toBe(config);
});
