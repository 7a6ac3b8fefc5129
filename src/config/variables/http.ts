import { addresses, choice, duration, flag, host, origins, port, size, trustProxy } from '../notations.js';
import { variable } from '../variable.js';

export const httpVariables = {
  NODE_ENV: variable({
    schema: choice('development', 'test', 'production'),
    default: 'development',
    description: 'development, test or production. Production refuses weak settings.',
    setting: 'mode',
  }),
  HOST: variable({
    schema: host,
    description: 'Address to listen on. Unset: 127.0.0.1, and in production 0.0.0.0, which is every IPv4 address.',
  }),
  PORT: variable({
    schema: port,
    default: '3000',
    description: 'Port of the API; 0 takes a free one.',
    setting: 'http.port',
  }),
  HTTP_ADAPTER: variable({
    schema: choice('fastify', 'express'),
    default: 'fastify',
    description: 'HTTP engine: fastify or express.',
    setting: 'http.adapter',
  }),
  MANAGEMENT_PORT: variable({
    schema: port,
    description: 'Separate port for probes, metrics and admin routes.',
    setting: 'http.managementPort',
  }),
  MANAGEMENT_HOST: variable({
    schema: host,
    description: 'Address that MANAGEMENT_PORT listens on. Unset: 0.0.0.0 in production, else 127.0.0.1.',
  }),
  CORS_ORIGINS: variable({
    schema: origins,
    default: '',
    description: 'Origins that browsers may call from, separated by commas; * for one label (https://*.app.example).',
    setting: 'http.corsOrigins',
  }),
  CORS_CREDENTIALS: variable({
    schema: flag,
    default: 'false',
    description: 'Lets browsers send cookies and credentials from CORS_ORIGINS.',
    setting: 'http.corsCredentials',
  }),
  HSTS_PRELOAD: variable({
    schema: flag,
    default: 'false',
    description: 'Adds preload to HSTS: browsers then use only HTTPS, permanently.',
    setting: 'http.hstsPreload',
  }),
  IP_ALLOW: variable({
    schema: addresses,
    default: '',
    description: 'Addresses and networks that may send requests, separated by commas. Unset: all.',
    setting: 'http.allowAddresses',
  }),
  IP_DENY: variable({
    schema: addresses,
    default: '',
    description: 'Addresses and networks that may not send requests, separated by commas.',
    setting: 'http.denyAddresses',
  }),
  TRUST_PROXY: variable({
    schema: trustProxy,
    default: 'false',
    description: 'Proxies whose X-Forwarded-For is trusted: their number, or a list of addresses.',
    setting: 'http.trustProxy',
  }),
  BODY_LIMIT: variable({
    schema: size('1b', '1gb'),
    default: '1mb',
    description: 'Largest request body.',
    setting: 'http.bodyLimitBytes',
  }),
  REQUEST_TIMEOUT: variable({
    schema: duration('1s', '1d'),
    default: '2m',
    description: 'Time in which a request with its whole body must arrive. Routes can have another time.',
    setting: 'http.requestTimeoutMs',
  }),
};
