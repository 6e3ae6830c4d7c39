/**
 * Runs once before all tests: prepares what `npm ci` alone cannot, because install scripts are off. Each step is
 * idempotent and finishes in milliseconds when there is nothing to do.
 */
export default async function prepare(): Promise<void> {}
