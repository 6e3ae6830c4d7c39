import { defineConfig, mergeConfig } from 'vitest/config'
import base from './vitest.config.ts'

/** Campaigns at full length: crash loops, soaks, fuzzing. Their last results stand in docs/campaigns.md. */
export default mergeConfig(
  { ...base, test: { ...base.test, include: [], exclude: ['**/node_modules/**'] } },
  defineConfig({
    test: {
      include: ['src/**/*.long.test.ts', 'test/**/*.long.test.ts', 'examples/**/*.long.test.ts'],
      maxWorkers: 1,
      testTimeout: 60 * 60_000,
      hookTimeout: 10 * 60_000,
    },
  }),
)
