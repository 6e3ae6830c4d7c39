import { writeSync } from 'node:fs'
import { BlobStore } from '../../../src/storage/index.ts'

/**
 * Puts a blob of the size in its second argument into the store in its first, and prints its digest or the error's code.
 * With the size `endless` it says `copying` after the first megabytes and waits to be killed.
 */
const [, , directory = '', size = ''] = process.argv

async function* source(): AsyncGenerator<Uint8Array> {
  const sizeBytes = size === 'endless' ? 4 * 1024 * 1024 : Number(size)
  for (let sent = 0; sent < sizeBytes; sent += 65_536) {
    yield new Uint8Array(Math.min(65_536, sizeBytes - sent)).fill(sent / 65_536)
  }
  if (size !== 'endless') return
  writeSync(1, 'copying\n')
  await new Promise((resolve) => setTimeout(resolve, 60_000))
}

try {
  const store = await BlobStore.open(directory)
  const { sha256 } = await store.put(source(), { maxBytes: 2 ** 40 })
  writeSync(1, `${sha256}\n`)
} catch (thrown) {
  writeSync(1, `${thrown instanceof Error && 'code' in thrown ? thrown.code : thrown}\n`)
}
