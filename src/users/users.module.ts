import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { TypeOrmUserStore } from './typeorm-user.store.js';
import { User } from './user.entity.js';
import { UserStore } from './user.store.js';
import { UsersService } from './users.service.js';

/** Users in the table `users`. AuthModule brings its own, on this store or on another. @publicApi */
@Module({
  imports: [TypeOrmModule.forFeature([User])],
  providers: [UsersService, { provide: UserStore, useClass: TypeOrmUserStore }],
  exports: [UsersService, UserStore],
})
export class UsersModule {}
