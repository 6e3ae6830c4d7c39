import { enableCompileCache } from 'node:module'
import { join } from 'node:path'

// Compiled code is kept beside the packages, where only who may change the code itself can write. Node's default place,
// a folder in the shared temporary directory, would let another user plant code there.
enableCompileCache(join(import.meta.dirname, '../../node_modules/.cache/sallyport'))

const { run } = await import('./run.ts')
await run(process.argv.slice(2))
