import { SallyportError, type Sha256 } from '../../core/index.ts'

export interface PutOptions {
  /** Budget; one byte more is refused. */
  readonly maxBytes: number
  /** What the bytes must hash to. */
  readonly expected?: Sha256
}

export interface StoredBlob {
  readonly sha256: Sha256
  readonly sizeBytes: number
}

/** Files by the SHA-256 of their bytes. One process owns the folder: it holds the lock of the state folder. */
export class BlobStore {
  static async open(_directory: string): Promise<BlobStore> {
    throw unfinished()
  }
  async put(_source: AsyncIterable<Uint8Array>, _options: PutOptions): Promise<StoredBlob> {
    throw unfinished()
  }
  async read(_sha256: Sha256): Promise<Buffer> {
    throw unfinished()
  }
  openStream(_sha256: Sha256): AsyncIterable<Uint8Array> {
    throw unfinished()
  }
  async has(_sha256: Sha256): Promise<boolean> {
    throw unfinished()
  }
  async delete(_sha256: Sha256): Promise<boolean> {
    throw unfinished()
  }
  list(): AsyncIterable<StoredBlob> {
    throw unfinished()
  }
}

function unfinished(): SallyportError {
  return new SallyportError('storage.unfinished', 'not built yet', { kind: 'internal' })
}
