import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { TypeOrmUserStore } from './typeorm-user.store.js';
import { User } from './user.entity.js';
import { UserStore } from './user.store.js';
import { UsersService } from './users.service.js';

/** Users in the table `users`. AuthModule does not need this module: it provides users itself, with any store. @publicApi */
@Module({
  imports: [TypeOrmModule.forFeature([User])],
  providers: [UsersService, { provide: UserStore, useClass: TypeOrmUserStore }],
  exports: [UsersService, UserStore],
})
export class UsersModule {}
