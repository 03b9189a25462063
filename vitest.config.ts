// How the tests are run. What is slow among them is in docs/testing.md.
import { defineConfig } from 'vitest/config';

/** A busy machine is slow, not wrong: no test has a time limit. */
const patient = { testTimeout: 0, hookTimeout: 0 };

export default defineConfig({
  test: {
    maxWorkers: 2,
    projects: [
      // Tests beside their files are of pure code: they share their imports, which takes half the time.
      { test: { name: 'rooms', include: ['src/**/*.test.ts'], pool: 'forks', isolate: false, ...patient } },
      // These replace modules and start processes: each file has a process of its own.
      { test: { name: 'whole', include: ['test/**/*.test.ts'], pool: 'forks', ...patient } },
    ],
  },
});
