import { pipeline } from 'node:stream/promises'
import type { Header } from 'tar-stream'
import { SallyportError, toSallyportError } from '../../core/index.ts'
import { bytesOf } from './bytes-of.ts'
import { DEFAULT_INTAKE_BUDGET, type IncomingFile, type IntakeBudget } from './incoming-file.ts'

/** Directories and files together, as a multiple of the files an artifact may have. */
const ENTRIES_PER_FILE = 10

/**
 * The files of a tar archive as it streams past; nothing is written anywhere. Only regular files and directories are
 * taken: a link, a device, a sparse file or an unknown type ends the reading. Directories are passed over, an artifact
 * has none. A leading `./` is dropped, as `tar -C dir .` writes it.
 *
 * Each file is read to its end before the next is asked for.
 * @throws SallyportError `supply.archive-invalid`, `supply.special-file` (invalid), `supply.too-many-files`,
 *   `supply.file-too-large`, `supply.artifact-too-large` (too-large), and what the stream itself throws.
 */
export async function* readTar(
  archive: AsyncIterable<Uint8Array>,
  budget: IntakeBudget = DEFAULT_INTAKE_BUDGET,
): AsyncGenerator<IncomingFile> {
  const { extract } = await import('tar-stream')
  const reader = extract()
  let sourceFailure: unknown
  const copying = pipeline(async function* () {
    try {
      yield* archive
    } catch (failure) {
      sourceFailure = failure
      throw failure
    }
  }, reader)
  // Its failure reaches us through the iterations below; what is left of it must not end the process.
  copying.catch(() => undefined)
  const explain = (failure: unknown) => explained(sourceFailure ?? failure, sourceFailure !== undefined)
  try {
    for await (const { path, sizeBytes, content } of filesOf(reader, budget)) {
      yield { path, content: wholeContent(content, sizeBytes, explain) }
    }
    await copying
  } catch (failure) {
    throw explain(failure)
  } finally {
    reader.destroy()
  }
}

/** A broken archive breaks in the middle of a file, and so for whoever reads that file. */
async function* wholeContent(
  content: AsyncIterable<unknown>,
  sizeBytes: number,
  explain: (failure: unknown) => SallyportError,
): AsyncGenerator<Uint8Array> {
  let bytes = 0
  try {
    for await (const piece of bytesOf(content)) {
      bytes += piece.byteLength
      yield piece
    }
  } catch (failure) {
    throw explain(failure)
  }
  if (bytes !== sizeBytes) throw explain(new Error('the entry is shorter than its header says'))
}

/** One entry of an archive; its bytes are to be read to the end. */
interface Entry extends AsyncIterable<unknown> {
  readonly header: Header
  resume(): unknown
}

/** A regular file of the archive, not yet read. */
interface ArchivedFile {
  readonly path: string
  readonly sizeBytes: number
  readonly content: AsyncIterable<unknown>
}

async function* filesOf(reader: AsyncIterable<Entry>, budget: IntakeBudget): AsyncGenerator<ArchivedFile> {
  let entries = 0
  let files = 0
  let totalBytes = 0
  for await (const entry of reader) {
    entries += 1
    const { name, type, size } = entry.header
    if (type !== 'file' && type !== 'directory') throw specialEntry(entries, type)
    if (type === 'file') {
      files += 1
      totalBytes += size
    }
    if (files > budget.maxFiles || entries > ENTRIES_PER_FILE * budget.maxFiles) {
      throw overBudget('supply.too-many-files', `the archive has more than ${budget.maxFiles} files`)
    }
    if (size > budget.maxFileBytes) {
      throw overBudget('supply.file-too-large', `a file is larger than ${budget.maxFileBytes} bytes`)
    }
    if (totalBytes > budget.maxTotalBytes) {
      const message = `the files together are larger than ${budget.maxTotalBytes} bytes`
      throw overBudget('supply.artifact-too-large', message)
    }
    if (type === 'file') yield { path: name.replace(/^\.\//, ''), sizeBytes: size, content: entry }
    else entry.resume()
  }
}

function specialEntry(position: number, type: string | null): SallyportError {
  const kind = type ?? 'unknown'
  return new SallyportError('supply.special-file', `entry ${position} of the archive is not a regular file`, {
    kind: 'invalid',
    remedy: 'pack the files themselves: no links, devices or sparse files',
    details: { position, type: kind },
  })
}

function overBudget(code: string, message: string): SallyportError {
  return new SallyportError(code, message, {
    kind: 'too-large',
    remedy: 'push only what belongs to the model',
  })
}

function explained(failure: unknown, isFromSource: boolean): SallyportError {
  if (isFromSource || failure instanceof SallyportError) return toSallyportError(failure)
  return new SallyportError('supply.archive-invalid', 'the archive is not a complete, valid tar archive', {
    kind: 'invalid',
    remedy: 'send an uncompressed tar archive, whole',
    cause: failure,
  })
}
