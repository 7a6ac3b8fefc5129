import 'reflect-metadata';
import { Controller, Get, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { required, serve } from './serve.js';

@Controller('bench')
class HelloController {
  @Get('hello')
  hello() {
    return { hello: 'world' };
  }
}

@Module({ controllers: [HelloController] })
class BareModule {}

await serve(() => {
  const options = { abortOnError: false, logger: ['error' as const] };
  return required('HTTP_ADAPTER') === 'fastify'
    ? NestFactory.create(BareModule, new FastifyAdapter(), options)
    : NestFactory.create(BareModule, options);
});
