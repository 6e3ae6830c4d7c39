import { SallyportError } from '../core/index.ts'

/** Ownership of a state folder; ends with `release` or, whatever happens, with the process. */
export interface StateLock {
  release(): void
}

export async function acquireStateLock(_directory: string, _holder: string): Promise<StateLock> {
  throw new SallyportError('storage.unfinished', 'not built yet', { kind: 'internal' })
}
