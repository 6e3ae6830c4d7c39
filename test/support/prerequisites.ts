import type { TestProject } from 'vitest/node'
import { PostgresBroker } from './postgres/broker.ts'

/**
 * Runs once before all tests: prepares what `npm ci` alone cannot, because install scripts are off. Each step is
 * idempotent and finishes in milliseconds when there is nothing to do.
 */
export default async function prepare(project: TestProject): Promise<() => Promise<void>> {
  const postgres = await PostgresBroker.open()
  project.provide('postgresBroker', postgres.socketPath)
  return () => postgres.close()
}
