import { loadConfig, readEnvironment } from '../config/index.js';
import { defineCommand } from './command.js';
import { checkConfiguration } from './local-examination.js';
import { REPORT_OPTIONS, createReportWriter } from './report-output.js';

export const command = defineCommand({
  options: REPORT_OPTIONS,
  details:
    'Reads the environment as at a start, and reports settings that are unsafe in production. It also checks the database ' +
    'login if the database responds. Exit codes: 78 if the application would not start, 1 if something was found, ' +
    'otherwise 0.',
  async run(values) {
    const write = createReportWriter(values, 'environment');
    const { config } = loadConfig(readEnvironment());
    return write(await checkConfiguration(config));
  },
});
