import { enableCompileCache } from 'node:module'
import { join } from 'node:path'

// Compiled code is kept beside the packages, where only who may change the code itself can write. Node's default place,
// a folder in the shared temporary directory, would let another user plant code there.
enableCompileCache(join(import.meta.dirname, '../../node_modules/.cache/sallyport'))

// Whoever reads the output may stop reading, as `head` does; what the command does is not theirs to break off.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
})

const { run } = await import('./run.ts')
await run(process.argv.slice(2))
