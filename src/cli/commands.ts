// All commands by name. Each is loaded only when it is asked for; a new one is a file and a line here.
import { defineCommand } from 'citty';
import { packageVersion } from '../runs/package.ts';

const data = defineCommand({
  meta: { name: 'coin data', description: 'Write data sets' },
  subCommands: { nano: () => import('./data-nano.ts').then((file) => file.dataNano) },
});

export const coin = defineCommand({
  meta: {
    name: 'coin',
    version: packageVersion(),
    description: 'Tunes a multimodal model on one task after another and measures what it forgets',
  },
  subCommands: {
    run: () => import('./run.ts').then((file) => file.run),
    config: () => import('./config.ts').then((file) => file.config),
    metrics: () => import('./metrics.ts').then((file) => file.metrics),
    report: () => import('./report.ts').then((file) => file.report),
    data,
  },
});
