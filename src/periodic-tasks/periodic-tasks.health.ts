import { Injectable } from '@nestjs/common';
import { HealthCheckOf, type HealthContributor, type HealthReport } from '../ports/index.js';
import { PeriodicTasks } from './periodic-tasks.service.js';

/** Each task, and whether one fails or hangs for long. Readiness does not ask: requests are served all the same. */
@Injectable()
@HealthCheckOf({ key: 'periodic-tasks', critical: false, groups: ['full', 'deep'] })
export class PeriodicTasksHealth implements HealthContributor {
  constructor(private readonly tasks: PeriodicTasks) {}

  check(): HealthReport {
    const { records } = this.tasks;
    const report = { tasks: Object.fromEntries(records.map(({ name, status }) => [name, status])) };
    const problems = records.flatMap(({ name, problem }) => (problem === undefined ? [] : [`${name} ${problem}`]));
    return problems.length > 0 ? { ...report, degraded: problems.join(', ') } : report;
  }
}
