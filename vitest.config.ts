import { defineConfig } from 'vitest/config'

/** The tests of `npm test`. Campaigns at full length live in `vitest.long.config.ts`. */
export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts', 'examples/**/*.test.ts', 'console/**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/*.long.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    globalSetup: ['test/support/prerequisites.ts'],
    reporters: ['default', './test/support/skip-reporter.ts'],
  },
})
