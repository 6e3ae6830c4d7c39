import { parentPort, workerData } from 'node:worker_threads'
import { DEFAULT_SCAN_BUDGET } from './budget.ts'
import {
  cacheKey,
  isWorkerInput,
  type Job,
  type JobDone,
  STATE_BYTES,
  STATE_JOB,
  STATE_STARTED,
} from './jobs.ts'
import { scanFile } from './scan-file.ts'

const input: unknown = workerData
if (parentPort !== null && isWorkerInput(input)) {
  const port = parentPort
  const { budget, allowGlobals, isExplained, known } = input
  const state = new Float64Array(input.state)
  const options = {
    budget: { ...DEFAULT_SCAN_BUDGET, ...budget },
    allowGlobals: new Set(allowGlobals),
    isExplained,
    monotonicMs: () => performance.now(),
    onBytes: (bytes: number) => {
      state[STATE_BYTES] = bytes
    },
    known: (sha256: string, name: string) => known.get(cacheKey(sha256, name)),
  }
  // Readers break off by throwing, often; nobody reads those stacks.
  if (process.env['SALLYPORT_DEBUG'] !== '1') Error.stackTraceLimit = 0
  let queue: Promise<void> = Promise.resolve()
  port.on('message', (jobs: readonly Job[]) => {
    queue = queue.then(async () => {
      for (const job of jobs) {
        state[STATE_BYTES] = 0
        state[STATE_STARTED] = Date.now()
        state[STATE_JOB] = job.id
        const report = await scanFile(job.path, job.displayPath, options)
        port.postMessage({ id: job.id, report } satisfies JobDone)
      }
      state[STATE_STARTED] = 0
    })
  })
}
